"""The explorer: a study's pairs in one page that needs no server and asks nothing of any other."""

from paradoxlib.explorer.page import as_frame, as_page, as_widget, write_page

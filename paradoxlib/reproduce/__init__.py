"""Run the notebooks of a study through papermill.

Everything is checked first, what is done is skipped, and a list of what was made is printed. A run
that is ended, killed or short of room leaves no process and nothing half done.
"""

from paradoxlib.reproduce.choosing import check_parameters, notebooks
from paradoxlib.reproduce.ending import Busy, Ended
from paradoxlib.reproduce.executing import NotebookFailed, store
from paradoxlib.reproduce.running import run

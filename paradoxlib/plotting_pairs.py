"""Plots of all pairs of networks: the pair table in, Axes out; legible for a few dozen pairs and for tens of thousands."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from paradoxlib.plotting import reach

# Told apart by their brightness and shape, too.
MARKS = {"as alike as they behave": ("#3E9C78", "o"), "similar yet different": ("#E0A800", "s"), "different yet similar": ("#8B0A3C", "^")}
RELATIONS = {"strangers": ("#8B0A3C", "^"), "same family": ("#7A7A7A", "o"), "parent and child": ("#E0A800", "s")}
MANY = 400  # pairs, from which on points have no intervals
FAMILIES = 10  # up to which each has a colour


def scatter(pairs, family_of, chance=None, title="", axes=None):
    """Draw every pair's similarity against its compatibility: strangers to the left, families to the right.

    Strangers are marked by their kind, beside the chance level of similarity; pairs of a family by it (by their relation, where there are many
    families), over how far their similarity is from 1 (logarithmic, alike to the right).

    Parameters
    ----------
    pairs : pandas.DataFrame
        The pair table.
    family_of : dict
        {network: family}.
    """
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(11, 4.8), sharey=True)[1]
    left, right = axes
    strangers, related = pairs[pairs["relation"] == "strangers"], pairs[pairs["relation"] != "strangers"]
    for name, look in MARKS.items():
        points(left, strangers[strangers["kind"] == name], "similarity", look, name, len(pairs))
    if chance is not None:
        left.axvline(chance, color="black", linestyle=":", linewidth=1, label=f"chance level ({chance:.3f})")
    left.set(xlabel="similarity", ylabel="compatibility", title=f"between families: {len(strangers):,} pairs")
    related = related.assign(distance=(1 - related["similarity"]).clip(lower=1e-9))
    founders = related["a"].map(family_of)
    few = founders.nunique() <= FAMILIES
    for i, (name, part) in enumerate(related.groupby(founders if few else "relation", sort=False)):
        look = (f"C{i % 8}", "so^vDPX*"[i % 8]) if few else RELATIONS[name]
        points(right, part, "distance", look, f"family of {name}" if few else name, len(pairs))
    right.set(xscale="log", xlabel="1 - similarity (alike to the right)", title=f"within families: {len(related):,} pairs")
    right.xaxis.set(major_locator=plt.LogLocator(subs=(1, 3)), major_formatter="{x:g}", minor_formatter=plt.NullFormatter(), inverted=True)
    for ax in axes:
        ax.axhline(0, color="#888888", linewidth=0.8)
        ax.grid()
        legend = ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=8, markerscale=1 if len(pairs) <= MANY else 4)
        for handle in legend.legend_handles:
            handle.set_alpha(1)
    left.figure.suptitle(title)
    return axes


def points(ax, part, x, look, name, count):
    """Draw the compatibility of some of `count` pairs over their column `x`, with its interval where there are not too many."""
    if part.empty:
        return
    colour, mark = look
    if count <= MANY and part["low"].notna().all():
        errors = reach(part["compatibility"], part["low"], part["high"])
        ax.errorbar(part[x], part["compatibility"], yerr=errors, fmt="none", ecolor=colour, alpha=0.5, linewidth=1)
    size, alpha = (30, 0.8) if count <= MANY else (4, 0.3)
    look = {"color": colour, "marker": mark, "alpha": alpha, "linewidths": 0, "rasterized": count > MANY}
    ax.scatter(part[x], part["compatibility"], size, **look, label=f"{name} ({len(part):,})")


def agreement(pairs, title="", ax=None):
    """Draw every pair's compatibility against the share of images on which the two predict the same class."""
    ax = ax or plt.subplots(figsize=(6.4, 4.6))[1]
    related, many = pairs["relation"] != "strangers", len(pairs) > MANY
    looks = {"between families": (pairs[~related], "strangers"), "within families": (pairs[related], "parent and child")}
    for name, (part, relation) in looks.items():
        look = dict(zip(("color", "marker"), RELATIONS[relation], strict=True), alpha=0.7, linewidths=0, rasterized=many)
        ax.scatter(part["compatibility"], part["agreement"], 4 if many else 30, **look, label=name)
    ax.set(xlabel="compatibility", ylabel="agreement (share of equal predictions)", title=title)
    ax.grid()
    ax.legend()
    return ax


def densities(pairs, margin, title="", axes=None):
    """Draw how compatibility and difference are distributed, within families and between them: shares of the pairs of each.

    Beyond `margin` a difference is that of a yellow or red pair.
    """
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True)[1]
    where = pairs["relation"].eq("strangers").map({True: "between families", False: "within families"}).rename("pairs")
    colours = {"between families": RELATIONS["strangers"][0], "within families": RELATIONS["parent and child"][0]}
    for ax, column in zip(axes, ("compatibility", "difference"), strict=True):
        sns.histplot(
            x=pairs[column], hue=where, hue_order=list(colours), palette=colours, stat="percent", common_norm=False, element="step",
            bins=np.linspace(-1, 1, 41), alpha=0.25, legend=ax is axes[0], ax=ax,
        )  # fmt: skip
        ax.set(xlabel=column, ylabel="% of the pairs", xlim=(-1.02, 1.02))
        ax.grid(axis="y")
    for edge in (-margin, margin):
        axes[1].axvline(edge, color="black", linestyle=":", linewidth=1)
    axes[1].text(-0.99, axes[1].get_ylim()[1], "similar yet different", fontsize=8, va="top")
    axes[1].text(0.99, axes[1].get_ylim()[1], "different yet similar", fontsize=8, va="top", ha="right")
    axes[0].figure.suptitle(title)
    return axes


def shares(table, title="", ax=None):
    """Draw the share of each kind among the pairs of each relation, with its interval; see `paradox.kind_shares`."""
    ax = ax or plt.subplots(figsize=(8, 4))[1]
    relations = list(dict.fromkeys(table["relation"]))
    for i, (name, (colour, mark)) in enumerate(MARKS.items()):
        part = table[table["kind"] == name].set_index("relation").loc[relations]
        errors = reach(part["share"], part["low"], part["high"])
        x = np.arange(len(relations)) + 0.22 * (i - 1)
        ax.errorbar(x, part["share"], errors, fmt=mark, color=colour, capsize=3, markersize=7, label=name)
    counts = table.groupby("relation", sort=False)["pairs"].sum()
    ax.set_xticks(range(len(relations)), [f"{name}\n{counts[name]:,} pairs" for name in relations])
    ax.set(ylabel="share of the pairs", ylim=(-0.03, 1.03), title=title)
    ax.grid(axis="y")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)
    return ax


def measures(table, columns, title="", axes=None):
    """Draw compatibility against each of several measures, a panel each, pairs marked by their relation.

    `table` is one of pairs with `relation`, `compatibility` and the columns.
    """
    if axes is None:
        rows = -(-len(columns) // 4)
        axes = plt.subplots(rows, 4, figsize=(12, 2.7 * rows), sharey=True, squeeze=False)[1]
    for ax, name in zip(axes.flat, columns, strict=False):
        for relation, (colour, mark) in RELATIONS.items():
            part = table[table["relation"] == relation]
            ax.plot(part[name], part["compatibility"], linestyle="", marker=mark, color=colour, markersize=3, alpha=0.7, label=relation)
        ax.set_title(name, fontsize=9)
        ax.tick_params(labelsize=8)
        ax.grid()
    for ax in axes.flat[len(columns) :]:
        ax.axis("off")
    for ax in axes[:, 0]:
        ax.set_ylabel("compatibility", fontsize=9)
    axes.flat[-1].legend(*axes.flat[0].get_legend_handles_labels(), fontsize=8)
    axes.flat[0].figure.suptitle(title)
    return axes


def bench(table, title="", axes=None):
    """Draw the measure bench (`measure_bench.score`): each measure's rank correlation with compatibility, its interval, a panel a kind of pairs."""
    kinds, names = table["pairs"].unique(), list(table["measure"].unique())
    if axes is None:
        axes = plt.subplots(1, len(kinds), figsize=(4 * len(kinds) + 2, 0.3 * len(names) + 1.2), sharey=True, squeeze=False)[1][0]
    for ax, kind in zip(axes, kinds, strict=True):
        part = table[table["pairs"] == kind].set_index("measure").loc[names]
        errors = reach(part["rho"], part["low"], part["high"])
        sure = part["p"] < 0.05
        ax.errorbar(part["rho"], range(len(names)), xerr=errors, fmt="none", ecolor="#999999", capsize=2, linewidth=1)
        ax.plot(part["rho"][sure], np.flatnonzero(sure), "o", color="C0", markersize=5, label="p < .05")
        ax.plot(part["rho"][~sure], np.flatnonzero(~sure), "o", markerfacecolor="white", color="C0", markersize=5, label="p at least .05")
        ax.axvline(0, color="black", linewidth=0.8)
        ax.set(title=kind, xlabel="rank correlation with compatibility", xlim=(-1, 1), xticks=(-1, -0.5, 0, 0.5, 1))
        ax.grid(axis="x")
    axes[0].set_yticks(range(len(names)), names, fontsize=8)
    axes[0].invert_yaxis()
    axes[-1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    axes[0].figure.suptitle(title)
    return axes


def exchange_shares(table, column="recovered", title="", ax=None):
    """Draw each part's share of what separates child from parent (`exchange.shares`) as a matrix (child, part), with intervals in the cells."""
    wide = {name: table.pivot_table(name, "child", "part", sort=False) for name in (column, f"{column}_low", f"{column}_high")}
    ax = ax or plt.subplots(figsize=(1.9 * wide[column].shape[1] + 2, 0.45 * len(wide[column]) + 1.4))[1]
    text = [
        [f"{value:.2f} ({low:.2f} to {high:.2f})" for value, low, high in zip(*row, strict=True)]
        for row in zip(*(w.round(2).to_numpy() + 0.0 for w in wide.values()), strict=True)  # + 0: no -0.00
    ]
    parents = dict(zip(table["child"], table["parent"], strict=True))
    names = [f"{child} from {parents[child]}" for child in wide[column].index]
    size = max(1.0 if column == "recovered" else 0.05, float(np.nanmax(np.abs(wide[column]))))
    sns.heatmap(wide[column], vmin=-size, vmax=size, cmap="PuOr", annot=np.array(text), fmt="", annot_kws={"size": 8}, yticklabels=names, ax=ax)
    ax.tick_params(length=0)
    ax.set(title=title, xlabel="", ylabel="")
    return ax


def shares_by_rate(table, rates, column="recovered", title="", axes=None):
    """Draw each part's share (`exchange.shares`) against the rate at which a child was fine-tuned, {child: rate}, a panel for each parent."""
    parents = table["parent"].unique()
    if axes is None:
        axes = plt.subplots(1, len(parents), figsize=(5 * len(parents), 4), sharey=True, squeeze=False)[1][0]
    for ax, parent in zip(axes, parents, strict=True):
        own = table[table["parent"] == parent].assign(rate=lambda part: part["child"].map(rates)).sort_values("rate", kind="stable")
        for i, (name, part) in enumerate(own.groupby("part", sort=False)):
            look = {"color": f"C{i}", "marker": "os^vD"[i % 5], "label": name}
            errors = reach(part[column], part[f"{column}_low"], part[f"{column}_high"])
            ax.errorbar(part["rate"] * 1.06 ** (i - 2), part[column], errors, capsize=2, linewidth=1, markersize=5, **look)
        ax.axhline(0, color="black", linewidth=0.8)
        ax.set(xscale="log", xlabel="learning rate of fine-tuning", title=f"children of {parent}")
        ax.grid()
    axes[0].set_ylabel("share of what sets child and parent apart")
    axes[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    axes[0].figure.suptitle(title)
    return axes


def identical_pairs(table, name=4, title="", ax=None):
    """Draw the compatibility of pairs with identical kernels against that of the trained pairs (see `exchange.identical_pairs`).

    The `name` least compatible of the trained pairs are named.
    """
    ax = ax or plt.subplots(figsize=(6.4, 5.6))[1]
    ax.plot([-1, 1], [-1, 1], color="black", linestyle=":", linewidth=1, label="what is learned adds nothing")
    x, y = (reach(table[which], table[f"{which}_low"], table[f"{which}_high"]) for which in ("trained", "identical"))
    ax.errorbar(table["trained"], table["identical"], xerr=x, yerr=y, fmt="o", markersize=4, elinewidth=0.7, ecolor="#9DBBD6")
    for row in table.nsmallest(name, "trained").itertuples():
        ax.annotate(f"{row.a}, {row.b}", (row.trained, row.identical), (6, 6), textcoords="offset points", fontsize=8)
    low = min(table["trained_low"].min(), table["identical_low"].min()) - 0.05
    ax.set(xlim=(low, 1.03), ylim=(low, 1.03), xlabel="compatibility as trained", ylabel="compatibility with identical kernels", title=title)
    ax.grid()
    ax.legend(loc="upper left", fontsize=8)
    return ax

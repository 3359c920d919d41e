"""Cases of labels: spellings, codes, numbers, "no label", rare and missing classes."""

from collections import Counter

from case_asks import (
    CHANGED,
    classes,
    expects,
    is_read,
    judged,
    keeps_types,
    leads_out,
    paired,
    parquet,
    rows_of,
    unlabelled,
    wrong,
)

TOPICS = ("sport", "food", "tech")


def labels_of(case):
    """The labels of noisy.csv and of its export."""
    before, after = rows_of(case.folder / "noisy.csv"), rows_of(case.out("-fixed.csv"))
    case.need([row["id"] for row in before] == [row["id"] for row in after], "the rows are not the same")
    return [row["label"] for row in before], [row["label"] for row in after]


def says_none_is_missing(case, place):
    said = case[place]
    case.need(said.warns("None", r"\b38\b"), f"{said.name} does not warn that 38 rows of 'None' are read as no label")
    case.need(said.warns("None", "--class-map|--missing"), f"the warning of {said.name} does not say how to keep them")


@expects("20")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=("007", "010", "7"))
    before, after = labels_of(case)
    case.need(set(after) == {"007", "010", "7"}, f"the export has {sorted(set(after))}")
    kept = sum(old == new for old, new in zip(before, after, strict=True))
    case.need(kept > 90, f"only {kept} labels are kept")


@expects("21")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=("01", "02", "03"))
    case.need(case[0].says("number", "1 (as|is|=) 01"), "it is not said that labels are matched by number")
    case.need(wrong(case[0]) == 6, f"{wrong(case[0])} of 45 labels are wrong")


@expects("22")
def _(case):
    case.worked()
    case.need(unlabelled(case[0]) == 2, f"{unlabelled(case[0])} rows are without a label, not 2")
    case.need(len(classes(case[0])) == 3 and paired(case[0]) == 45, f"the classes are {classes(case[0])}")
    case.need(wrong(case[0]) == 6, f"{wrong(case[0])} of 45 labels are wrong")
    after = set(labels_of(case)[1])
    case.need(after == {"0.0", "1.0", "2.0"}, f"the export has {sorted(after)}")


@expects("23")
def _(case):
    case.worked()
    case.need(unlabelled(case[0]) == 2, f"{unlabelled(case[0])} rows are without a label, not 2")
    case.need(len(classes(case[0])) == 3 and paired(case[0]) == 45, f"the classes are {classes(case[0])}")
    fixed = parquet(case.out("-fixed.parquet"))
    keeps_types(parquet(case.folder / "noisy.parquet"), fixed)
    after = set(fixed.column("label").to_pylist())
    case.need(after == {0.0, 1.0, 2.0}, f"the export has {after}")


@expects("24")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120)
    case.need(len(classes(case[0])) == 2 and wrong(case[0]) == 6, f"the classes are {classes(case[0])}")
    case.need(case[0].says("truth value|0 (as|is|=) false"), "it is not said how 1 and 0 are matched")
    before, after = labels_of(case)
    odd = {new for new in after if new.lower() not in ("true", "false")}
    case.need(not odd, f"the export has {sorted(odd)}")
    respelt = [
        old for old, new in zip(before, after, strict=True) if old != new and old.lower().strip() == new.lower().strip()
    ]
    said = case[len(case.ran) - 1].line("kept labels that are now written")
    case.need(
        not respelt or f"{len(respelt)} (" in said, f"{len(respelt)} labels that stay are spelt otherwise, unsaid"
    )


@expects("25")
def _(case):
    if case[0].code == 0:
        is_read(case, case[0], pairs=45, rows=120)
        case.need(wrong(case[0]) == 6 and case[0].says("true", "yes"), "it is not said how they are matched")
    else:
        leads_out(case[0], "false", "no, yes", "--class-map")


@expects("26")
def _(case):
    said = case[0]
    is_read(case, said, pairs=45, rows=120)
    names = set(classes(said))
    spaced = [name for name in names if name != " ".join(name.split())]
    case.need(not spaced, f"spaces make classes of their own: {spaced}")
    case.need(said.warns("FOOD", "food", "spell|case"), "it is not warned of FOOD and food")
    for name in names - {"sport", "food", "tech", "FOOD", "TECH", "SPORT"}:
        case.need(said.warns("200b|zero.width", "spell|look"), f"a class of its own, and no near miss: {ascii(name)}")


@expects("27")
def _(case):
    said = case[0]
    is_read(case, said, pairs=45, rows=120)
    alike = said.warns("spell|look (the same|alike)|accent|NF[CD]|unicode")
    case.need(len(classes(said)) == 3 or alike, "two classes that look the same, and no warning")
    case.need(len(classes(said)) > 3 or wrong(said) == 6, f"{wrong(said)} of 45 labels are wrong, not 6")


@expects("29")
def _(case):
    case.worked()
    says_none_is_missing(case, 0)
    says_none_is_missing(case, 1)
    if case[0].warns("--missing"):
        kept = case.run(*case[0].words, "--missing", "")
        case.need(classes(kept).get("None") == 38, f'with --missing "" the classes are {classes(kept)}')


@expects("31")
def _(case):
    case.worked()
    said = case[0]
    case.need("-1" not in classes(said), "-1 is a class")
    is_read(case, said, pairs=45, rows=120, kinds=("0", "1", "2"))
    case.need(unlabelled(said) == 20, f"{unlabelled(said)} rows are without a label, not 20")
    told = said.line(r"(?<![\w.])-1\b", "no label|abstain|without a label|unlabelled")
    case.need(told, "it is not said that -1 is read as no label")
    case.need(not said.warns("differ only in spelling"), "-1 and 1 are said to differ only in spelling")
    after = Counter(labels_of(case)[1])
    case.need(after["-1"] == 0, f"{after['-1']} rows are still -1 in the export")
    case.need(set(after) == {"0", "1", "2"}, f"the export has {dict(after)}")


@expects("32")
def _(case):
    case.worked()
    fixed = parquet(case.out("-fixed.parquet"))
    keeps_types(parquet(case.folder / "noisy.parquet"), fixed)
    case.need(set(fixed.column("label").to_pylist()) == {0, 1, 2}, "the export has other labels")


@expects("33")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=("0", "1", "2"))


@expects("34")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
    source, fixed = parquet(case.folder / "noisy.parquet"), parquet(case.out("-fixed.parquet"))
    keeps_types(source, fixed)
    old, new = (table.column("label").chunk(0).dictionary.to_pylist() for table in (source, fixed))
    case.need(old == new, f"the categories {old} became {new}")
    case.need(b"pandas" in fixed.schema.metadata, "the pandas metadata are lost")


@expects("35")
def _(case):
    is_read(case, case[0], pairs=500, rows=25_000)
    case.need(case[0].says(r"classes: 2,?500"), "there are not 2,500 classes")
    case.need(case[0].warns(r"2,?500"), "it is not warned that there are 2,500 classes")


@expects("38")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=("[SPO]", "[FOO]", "[TEC]"))


@expects("39")
def _(case):
    said = case[0]
    case.need(said.refused or said.warns("#", "several|multi"), "labels joined with # are taken as classes")
    if said.refused:
        leads_out(said, "several labels|multi", "#")


@expects("41")
def _(case):
    if case[0].refused:
        leads_out(case[0], "tech", "--class-map")
    else:
        case.need(case[0].warns("tech"), "a class without noisy rows is accepted without a warning")
    for place in (1, 2, 3):
        case.worked(place)
    case.need(paired(case[1]) == 45 and len(classes(case[1])) == 3, f"the classes are {classes(case[1])}")
    moved = Counter(labels_of(case)[1])["tech"]
    case.need(moved >= 30, f"{moved} rows are moved to the new class")


@expects("42")
def _(case):
    case.worked()
    case.need(len(classes(case[0])) == 6, f"the classes are {classes(case[0])}")
    case.need(case[0].warns("three", "two", "no trusted row"), "it is not warned of classes without trusted rows")
    case.need(case[1].warns("no trusted row"), "training does not warn of classes without trusted rows")


@expects("43")
def _(case):
    """Whoever is judged on one class only is not sent to the method that knows no other, and is told so."""
    if case[1].refused:
        leads_out(case[1], "class", "sport|food|one|single")
        return
    case.worked()
    case.need(case[0].warns("food", "tech", "no trusted row"), "it is not warned of classes without trusted rows")
    said, verdict = case[1], judged(case[1])
    case.need_clear("use --method clean-only" not in verdict, f"advised on one class alone: {verdict}")
    told = said.line(CHANGED, r"(one|single|only) (trusted )?class|only class|of class .?sport|food.*tech")
    case.need_clear(told, f"the verdict does not say that it is judged on one class: {verdict}")


@expects("44")
def _(case):
    case.need(case[0].code == 0 and paired(case[0]) == 2, f"check: {case[0].last_line}")
    verdict = judged(case[1])
    if case[1].refused:
        leads_out(case[1], "trusted rows|too few")
        return
    case.need_clear("without pairs" not in verdict, f"there are 2 pairs: {verdict}")
    case.need_clear("few" in verdict or "not measurable" in verdict, f"it is not said that 2 are few: {verdict}")


@expects("180")
def _(case):
    is_read(case, case[0], pairs=31, rows=120)
    case.need(classes(case[0]).get("None") == 38, f"the classes are {classes(case[0])}")


@expects("181")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=("0", "1", "2"))
    case.need(unlabelled(case[0]) == 20, f"{unlabelled(case[0])} rows are without a label, not 20")


@expects("183")
def _(case):
    if case[0].refused:
        leads_out(case[0], "class")
        return
    case.worked()
    case.need(case[0].warns("no trusted row"), "it is not warned of classes without trusted rows")
    labels = set(parquet(case.out() / "corrected.parquet").column("corrected_label").to_pylist())
    alike = len(labels) == 1 and case[0].line("^next: take the corrected labels")
    case.need_clear(not alike, f"labels that are all alike are advised: {judged(case[0])}")


@expects("188")
def _(case):
    case.worked()
    before = {str(label) for label in parquet(case.folder / "noisy.parquet").column("label").to_pylist()}
    case.need(set(classes(case[0])) == before, f"the classes are {classes(case[0])}")
    after = {row["label"] for row in rows_of(case.out("-fixed.csv"))}
    case.need(after == before, f"the export has {sorted(after)}")


@expects("190")
def _(case):
    is_read(case, case[0], pairs=60, rows=240)
    case.need(case[0].line("^classes: 21$"), f"there are not 21 classes: {case[0].line('^classes:')}")
    case.need(case[0].warns(r"\b21\b|number|quantity"), "it is not warned that 21 numbers are taken as classes")


@expects("194")
def _(case):
    is_read(case, case[0], pairs=40, rows=120, kinds=("A", "A-", "B", "B+"))
    case.need_clear(not case[0].warns("spelling"), "A and A- are said to differ only in spelling")

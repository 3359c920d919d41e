"""Cases of the join: ids that lost their form, equal inputs under other ids, rows of several annotators."""

from case_asks import classes, expects, is_read, leads_out, paired, parquet, rows_of

TOPICS = ("sport", "food", "tech")


@expects("50")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)


@expects("51")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)


@expects("53")
def _(case):
    case.worked()
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
    before = [str(each) for each in parquet(case.folder / "noisy.parquet").column("id").to_pylist()]
    case.need([row["id"] for row in rows_of(case.out("-fixed.csv"))] == before, "ids changed in the export")


@expects("54")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)


@expects("56")
def _(case):
    if case[0].code == 0:
        is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
    else:
        leads_out(case[0], "upper|lower|letter case|only in case|capital", r"\bid")


@expects("57")
def _(case):
    if case[0].code == 0:
        is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)
        case.need(case[0].says("number|zero"), "it is not said that ids are joined by number")
    else:
        leads_out(case[0], r"\b1\b", r"\b00001\b")


@expects("58")
def _(case):
    if case[0].code == 0:
        case.need(paired(case[0]) == 44 or case[0].warns(r"1\.23E\+15"), "1.23E+15 is joined without a word")
    leads_out(case[0], r"gold\.csv(, row 1|:2)\b", r"1\.23E\+15")


@expects("59")
def _(case):
    if case[0].code == 0:
        case.need(case[0].says("vote|majority|several"), "several annotators are taken without a word")
        case.need(paired(case[0]) == 20, f"{paired(case[0])} of 20 trusted rows are paired")
    else:
        leads_out(case[0], "one row (per|an|for each) item|several annotators", "vote|majority|aggregate|merge|combine")
    if case[1].refused:
        leads_out(case[1], "annotation_id", "--clean-id-column|--id-column")


@expects("60")
def _(case):
    is_read(case, case[0], pairs=20, rows=60, kinds=TOPICS)
    if case[1].code == 0:
        is_read(case, case[1], pairs=20, rows=60, kinds=TOPICS)
    else:
        leads_out(case[1], "sentiment", "--label-column")


@expects("63")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)


@expects("64")
def _(case):
    if case[0].code == 0:
        case.need(case[0].warns(r"\bid", r"\b10\b|row 1\b|:2\b"), "rows without an id are taken without a warning")
    else:
        leads_out(case[0], r"noisy\.csv(, row 1|:2)\b", r"'id'.*empty", ";")


@expects("162")
def _(case):
    said = case[0]
    case.need(said.code == 0, f"refused: {said.last_line}")
    warned = said.warns("content|same (text|input)|equal (text|input)|upper|lower|case")
    case.need(warned, f"{paired(said)} of 45 are paired, and no warning of the 22 of another id and equal text")


@expects("164")
def _(case):
    is_read(case, case[0], pairs=45, rows=120, kinds=TOPICS)


@expects("165")
def _(case):
    case.worked()
    for said in case.ran:
        case.need(
            said.warns("none of its 36 rows", "noise cannot be measured"), f"{said.name} does not say what is lost"
        )
    case.need(paired(case[0]) == 0, "pairs are found where there are none")
    case.need(set(classes(case[0])) == set(TOPICS), f"the classes are {classes(case[0])}")

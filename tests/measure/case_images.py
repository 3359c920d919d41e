"""Cases of image folders: clutter, endings, splits, broken files, pixels."""

from case_asks import classes, expects, is_read, leads_out, makes, noisy_rows, paired

PETS = ("cat", "dog")


def pixels(path):
    """The pixels that the library trains on, `uint8 (height, width, 3)`."""
    import numpy as np

    from labelfix.models.images.pixels import open_image

    return np.asarray(open_image(path.read_bytes()))


def counts_are(case, said, **counts):
    case.need(said.code == 0, f"refused: {said.last_line}")
    case.need(classes(said) == counts, f"the classes are {classes(said)}, not {counts}")


@makes("110")
def _(case):
    (case.folder / "photos" / "owl").mkdir()  # an empty folder does not travel


@expects("110")
def _(case):
    said = case[0]
    counts_are(case, said, cat=11, dog=11)
    case.need(paired(said) == 10, f"{paired(said)} of 10 are paired")
    case.need(said.line(r"\bowl\b"), "the empty class folder owl is not mentioned")


@expects("111")
def _(case):
    said = case[0]
    counts_are(case, said, cat=13, dog=10, owl=10)


@expects("112")
def _(case):
    counts_are(case, case[0], cat=6, dog=6)


@expects("113")
def _(case):
    for said in case.ran:
        is_read(case, said, pairs=8, rows=20, kinds=PETS)


@expects("115")
def _(case):
    if case[0].code == 0:
        is_read(case, case[0], pairs=10, rows=20, kinds=PETS)
    leads_out(case[0], "photos/images")


@expects("116")
def _(case):
    said = case[0]
    counts_are(case, said, animals=20, things=10)
    case.need(paired(said) == 10, f"{paired(said)} of 10 are paired")


@expects("117")
def _(case):
    leads_out(case[0], r"\btrain\b", r"\bval\b", "photos/train|--split")
    case.need(case[0].refused, "train and val are read as classes")
    is_read(case, case[1], pairs=10, rows=12, kinds=PETS)
    leads_out(case[2], r"\btrain\b", r"\bval\b", "split")
    case.need_clear(case[2].refused or set(classes(case[2])) == set(PETS), "train and val are read as classes")


@expects("118")
def _(case):
    import numpy as np

    case.worked()
    folder = case.folder / "photos" / "cat"
    case.need(noisy_rows(case[0]) == 29, f"{noisy_rows(case[0])} of 29 images are read")
    ramp = pixels(folder / "grey.png").astype(float).mean(2).ravel()
    alike = "png16.png png12.png la.png pal.gif pgm16.pgm tif16.tif tif32i.tif tiff32f01.tif tiff32f255.tif cmyk.jpg"
    odd = []
    for name in [*alike.split(), "black-with-alpha.png"]:
        there = pixels(folder / name).astype(float).mean(2).ravel()
        if there.std() < 40:
            odd.append(f"{name} has hardly any contrast ({there.min():.0f} to {there.max():.0f})")
        elif abs(np.corrcoef(ramp, there)[0, 1]) < 0.98:
            odd.append(f"{name} is not what a person sees")
    for name in ("bw.png", "png16rgb.png", "palt.png", "anim.gif", "anim.webp"):
        if pixels(folder / name).std() < 40:
            odd.append(f"{name} has hardly any contrast")
    case.need(not odd, ", ".join(odd))


@expects("119")
def _(case):
    broken = ("cat/cut.jpg", "cat/page.jpg", "cat/zero.png", "dog/crc.png")
    for name in broken:
        leads_out(case[0], name.replace(".", r"\."), "--skip-unreadable|cannot be read")
        case.need(case[1].warns(name.replace(".", r"\.")), f"--skip-unreadable does not name {name}")
    case.need(case[0].refused and case[0].says("--skip-unreadable"), "the way to go on is not named")
    case.worked(1)
    case.need(paired(case[1]) == 10, f"{paired(case[1])} of 10 are paired")


@expects("120")
def _(case):
    is_read(case, case[0], pairs=10, rows=15, kinds=PETS)
    folder = case.folder / "photos" / "cat"
    case.need(pixels(folder / "turned.jpg").shape == (32, 16, 3), "the camera's orientation is not followed")
    for name in ("badexif.jpg", "exif9.jpg"):
        case.need(pixels(folder / name).shape == (16, 32, 3), f"{name} is turned, or not read")


@expects("121")
def _(case):
    if case[0].code == 0:
        case.need(noisy_rows(case[0]) == 13, f"{noisy_rows(case[0])} of 13 images are read")
    else:
        leads_out(case[0], r"cat/scan\.png", "pixels", ";")


@makes("122")
def _(case):
    (case.folder / "photos" / "cat" / "loop").symlink_to("..")


@expects("122")
def _(case):
    if case[0].refused:
        leads_out(case[0], "loop", "link")
    else:
        counts_are(case, case[0], cat=6, dog=6)


@expects("123")
def _(case):
    case.need(case[0].code == 0, f"refused: {case[0].last_line}")
    case.need(paired(case[0]) == 6, f"{paired(case[0])} of 6 are paired")
    case.need(len(classes(case[0])) == 2, f"the classes are {classes(case[0])}")


@expects("189")
def _(case):
    case.need(case[0].code == 0, f"refused: {case[0].last_line}")
    case.need(case[0].warns('"Cat"', '"cat"', "spell|case"), "it is not warned of Cat and cat")
    case.need(paired(case[0]) == 9, f"{paired(case[0])} of 9 are paired")

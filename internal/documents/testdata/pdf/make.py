#!/usr/bin/env python3
"""Makes the PDF documents of this folder and, from the same sources, NAME.txt: what a person reads in them.

Needs LibreOffice (writer, calc, impress), groff, Chromium, qpdf, poppler-utils, and the fonts Noto and WenQuanYi.
    python3 make.py [NAME...]
Pages are separated by a form feed in NAME.txt.
"""
import os
import subprocess
import sys
import tempfile
import zlib
from html import escape

HERE = os.path.dirname(os.path.abspath(__file__))

REPORT = [
    ("h", "Flood defences of the lower Wümme"),
    ("p", "The dyke between Borgfeld and Ritterhude was surveyed in the spring of 2024. Its crest is 40 centimetres lower than the plan of 1987 says, and in two places water seeps through at the foot."),
    ("p", "Frau Müller-Lüdenscheidt reported “wet cellars” after each of the three storms; the costs came to €1.250,00 per household. Nobody had asked her before."),
    ("h", "What should be done"),
    ("p", "We recommend a new core of clay over 2.3 km, finished before November, and a gauge at the bridge that reports every ten minutes."),
    ("p", "The estimate is 4.7 million euros. A third of it is paid by the state, a third by the district and the rest by those whose land is protected."),
]
TABLE = [
    ["Section", "Length (m)", "Crest (m)", "Condition"],
    ["Borgfeld north", "1,240", "6.85", "good"],
    ["Borgfeld south", "860", "6.41", "seeps at the foot"],
    ["Wasserhorst", "2,310", "6.52", "badger setts, urgent"],
    ["Ritterhude", "1,975", "6.90", "good"],
]
COLUMNS = [
    "Bees find their way home by the sun, by landmarks, and by the smell of the hive. A forager that is carried away in a closed box needs only a few minutes to know where she is.",
    "In the experiments of the summer, twelve foragers were marked with paint and released at distances between one and six kilometres. All came back from the first three, nine from four, and two from six.",
    "The direction of the wind made no difference. Clouds did: with a covered sky the time doubled, although the bees see the pattern of polarised light through a gap of ten degrees.",
    "We conclude that the map of a bee is larger than the area over which she collects. How she learns it is open; the flights of orientation of young bees reach no further than four hundred metres.",
    "The second series, with hives that were moved at night, will be reported separately. It needs more animals than we had and a meadow that is not mown in June.",
]
FOOT = [
    ("The town was first mentioned in 1072", "Charter of Archbishop Liemar, copied about 1160."),
    ("and received its market in 1254", "The original was lost in the fire of 1623."),
]


def words(blocks):
    return "\n\n".join(t for _, t in blocks)


def rows(table):
    return "\n".join("  ".join(r) for r in table)


def run(*args, **more):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **more).stdout


def save(name, pdf, *pages):
    with open(f"{HERE}/{name}.pdf", "wb") as f:
        f.write(pdf)
    with open(f"{HERE}/{name}.txt", "w") as f:
        f.write("\f".join(p.strip() + "\n" for p in pages))


def office(text, ending):
    with tempfile.TemporaryDirectory() as d:
        with open(f"{d}/x.{ending}", "w") as f:
            f.write(text)
        run("soffice", f"-env:UserInstallation=file:///tmp/make-pdf-office", "--headless", "--convert-to", "pdf", "--outdir", d, f"{d}/x.{ending}")
        return open(f"{d}/x.pdf", "rb").read()


def web(html):
    with tempfile.TemporaryDirectory() as d:
        with open(f"{d}/x.html", "w") as f:
            f.write("<!DOCTYPE html><meta charset=utf-8>" + html)
        run("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", f"--print-to-pdf={d}/x.pdf", f"file://{d}/x.html", cwd=d)
        return open(f"{d}/x.pdf", "rb").read()


def roff(text, *args):
    return run("groff", "-k", *args, "-Tpdf", input=text.encode())


NAMES = " ".join(f'xmlns:{k}="urn:oasis:names:tc:opendocument:xmlns:{v}:1.0"' for k, v in dict(
    office="office", style="style", text="text", table="table", fo="xsl-fo-compatible", draw="drawing",
    svg="svg-compatible", meta="meta", presentation="presentation").items()) + ' xmlns:dc="http://purl.org/dc/elements/1.1/"'


def flat(kind, body, styles="", master="", title=""):
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<office:document {NAMES} office:version="1.2" office:mimetype="application/vnd.oasis.opendocument.{kind}">
<office:meta><dc:title>{escape(title)}</dc:title><meta:initial-creator>Ada Example</meta:initial-creator></office:meta>
<office:automatic-styles><style:page-layout style:name="L"><style:page-layout-properties fo:page-width="21cm" fo:page-height="29.7cm" fo:margin="2cm"/>
<style:header-style><style:header-footer-properties fo:min-height="1cm"/></style:header-style><style:footer-style><style:header-footer-properties fo:min-height="1cm"/></style:footer-style></style:page-layout>{styles}</office:automatic-styles>
<office:master-styles><style:master-page style:name="Standard" style:page-layout-name="L">{master}</style:master-page></office:master-styles>
<office:body><office:{'presentation' if kind == 'presentation' else 'text'}>{body}</office:{'presentation' if kind == 'presentation' else 'text'}></office:body></office:document>"""


def paragraphs(blocks):
    return "".join(f'<text:h text:outline-level="1">{escape(t)}</text:h>' if k == "h" else f"<text:p>{escape(t)}</text:p>" for k, t in blocks)


def grid(table):
    cells = lambda r: "".join(f"<table:table-cell><text:p>{escape(c)}</text:p></table:table-cell>" for c in r)
    return f'<table:table><table:table-column table:number-columns-repeated="{len(table[0])}"/>' + "".join(f"<table:table-row>{cells(r)}</table:table-row>" for r in table) + "</table:table>"


def letter():
    save("letter", office(flat("text", paragraphs(REPORT), title="Flood defences"), "fodt"), words(REPORT))


def table():
    body = paragraphs(REPORT[:2]) + grid(TABLE) + "<text:p>Heights above sea level.</text:p>"
    save("table", office(flat("text", body), "fodt"), words(REPORT[:2]) + "\n" + rows(TABLE) + "\nHeights above sea level.")


def footnotes():
    note = lambda n, t: f'<text:note text:id="n{n}" text:note-class="footnote"><text:note-citation>{n}</text:note-citation><text:note-body><text:p>{escape(t)}</text:p></text:note-body></text:note>'
    a, b = FOOT
    body = f'<text:h text:outline-level="1">A short history</text:h><text:p>{a[0]}{note(1, a[1])} {b[0]}{note(2, b[1])}. Of the walls nothing is left.</text:p><text:p>{escape(REPORT[1][1])}</text:p>'
    head = "<style:header><text:p>Annals of the district</text:p></style:header><style:footer><text:p>Page <text:page-number/> of the annals</text:p></style:footer>"
    text = f"Annals of the district\nA short history\n{a[0]}¹ {b[0]}². Of the walls nothing is left.\n{REPORT[1][1]}\n1 {a[1]}\n2 {b[1]}\nPage 1 of the annals"
    save("footnotes", office(flat("text", body, master=head), "fodt"), text)


def columns_office():
    style = '<style:style style:name="S" style:family="section"><style:section-properties text:dont-balance-text-columns="false"><style:columns fo:column-count="2" fo:column-gap="1cm"><style:column style:rel-width="1*" fo:end-indent="0.5cm"/><style:column style:rel-width="1*" fo:start-indent="0.5cm"/></style:columns></style:section-properties></style:style>'
    body = '<text:h text:outline-level="1">How bees come home</text:h><text:section text:style-name="S" text:name="s">' + "".join(f"<text:p>{escape(p)}</text:p>" for p in COLUMNS) + "</text:section><text:p>Printed on recycled paper.</text:p>"
    save("columns-office", office(flat("text", body, styles=style), "fodt"), "How bees come home\n" + "\n".join(COLUMNS) + "\nPrinted on recycled paper.")


def sheet():
    # LibreOffice shows numbers in its own way, and prints the name of the sheet and the number of the page.
    shown = [[{"6.90": "6.9"}.get(c, c.replace(",", "") if c[0].isdigit() else c) for c in r] for r in TABLE]
    save("sheet", office("\n".join(",".join(f'"{c}"' for c in r) for r in TABLE) + "\n", "csv"), "x\n" + rows(shown) + "\nPage 1")


def slides():
    style = '<style:style style:name="D" style:family="drawing-page"/>'
    box = lambda y, t: f'<draw:frame svg:x="2cm" svg:y="{y}cm" svg:width="16cm" svg:height="3cm"><draw:text-box>' + "".join(f"<text:p>{escape(x)}</text:p>" for x in t) + "</draw:text-box></draw:frame>"
    pages = [("Flood defences", ["Survey of spring 2024", "Recommendations"]), ("Survey", ["Crest 40 cm too low", "Two places where water seeps through"])]
    # The title is the last object of the page, as after somebody has moved it.
    body = "".join(f'<draw:page draw:name="p{i}" draw:style-name="D" draw:master-page-name="Standard">{box(8, items)}{box(2, [title])}</draw:page>' for i, (title, items) in enumerate(pages))
    save("slides", office(flat("presentation", body, styles=style), "fodp"), *("\n".join([t] + i) for t, i in pages))


def paper():
    text = ".nr LL 4.5i\n.nr PO 1i\n.nr HY 1\n.TL\nHow bees come home\n.AU\nAda Example\n.2C\n" + "".join(f".PP\n{p}\n" for p in COLUMNS)
    # Narrow lines give hyphens. -ms prints a page number only from page 2.
    save("paper", roff(text, "-ms"), "How bees come home\nAda Example\n" + "\n".join(COLUMNS))


def manual():
    text = """.TH OFFSET 1 2024-05-01 "1.2" "User Commands"
.SH NAME
offset \\- shift the fields of a file
.SH SYNOPSIS
.B offset
[\\fB\\-f\\fR \\fIfirst\\fR] \\fIfile\\fR
.SH DESCRIPTION
The efficient affix of a field is found first; a waffle of flags follows. Fields are shifted by one office, and the final field is filled.
.TP
.B \\-f
The first field.
"""
    save("manual", roff(text, "-man"), "OFFSET(1) User Commands OFFSET(1)\nNAME\noffset - shift the fields of a file\nSYNOPSIS\noffset [-f first] file\nDESCRIPTION\nThe efficient affix of a field is found first; a waffle of flags follows. Fields are shifted by one office, and the final field is filled.\n-f The first field.\n1.2 2024-05-01 1")


def article():
    cells = lambda r, t: "<tr>" + "".join(f"<{t}>{escape(c)}</{t}>" for c in r) + "</tr>"
    html = "<title>Flood defences</title><body style='font:14px DejaVu Sans'>" + "".join(f"<{'h1' if k == 'h' else 'p'}>{escape(t)}</{'h1' if k == 'h' else 'p'}>" for k, t in REPORT)
    html += "<table border=1 cellpadding=4>" + cells(TABLE[0], "th") + "".join(cells(r, "td") for r in TABLE[1:]) + "</table><ul><li>clay<li>gauge<li>bridge</ul>"
    save("article", web(html), words(REPORT) + "\n" + rows(TABLE) + "\n• clay\n• gauge\n• bridge")


def columns_web():
    html = "<body style='font:14px DejaVu Serif'><h1>How bees come home</h1><div style='columns:2;text-align:justify'>" + "".join(f"<p>{escape(p)}</p>" for p in COLUMNS) + "</div><p>Printed on recycled paper.</p>"
    save("columns-web", web(html), "How bees come home\n" + "\n".join(COLUMNS) + "\nPrinted on recycled paper.")


def hyphens():
    # Soft hyphens at places where a narrow column needs them.
    text = "The in\u00ADter\u00ADna\u00ADtion\u00ADal com\u00ADmis\u00ADsion for the hy\u00ADdro\u00ADlog\u00ADi\u00ADcal in\u00ADves\u00ADti\u00ADga\u00ADtion of sub\u00ADter\u00ADra\u00ADne\u00ADan res\u00ADer\u00ADvoirs rec\u00ADom\u00ADmends ex\u00ADtra\u00ADor\u00ADdi\u00ADnary pre\u00ADcau\u00ADtions. A well-known state-of-the-art method is sufficient."
    html = f"<body style='font:16px DejaVu Sans;width:9em'><p>{text}</p>"
    save("hyphens", web(html), text.replace("\u00AD", ""))


def ligatures():
    text = "The first office offers efficient waffles, fluffy muffins and five flat fish; the chief’s final affidavit is a baffling fluke."
    html = f"<body style='font:24px DejaVu Serif;font-variant-ligatures:common-ligatures'><p>{text}</p><p style='font-family:DejaVu Sans'>{text}</p>"
    save("ligatures", web(html), text + "\n" + text)


def rightleft():
    hebrew = "הספר נכתב בשנת 1948 ויצא לאור בירושלים. המחבר נולד בחיפה."
    arabic = "كتب هذا الكتاب في القاهرة عام 1956 وهو من أشهر الكتب."
    html = f"<body style='font:20px Noto Sans Hebrew,Noto Sans Arabic'><p dir=rtl>{hebrew}</p><p dir=rtl>{arabic}</p><p style='font-family:DejaVu Sans'>The title is in two languages.</p>"
    save("right-to-left", web(html), f"{hebrew}\n{arabic}\nThe title is in two languages.")


def cjk():
    chinese, japanese = "河堤在二零二四年春天进行了检查。 堤顶比设计低四十厘米。", "東京都の人口は約一千四百万人です。 これは日本の人口の一割以上にあたります。"
    html = f"<body style='font:20px WenQuanYi Micro Hei'><p>{chinese}</p><p>{japanese}</p><p>Mixed 漢字 and English words.</p>"
    save("cjk", web(html), f"{chinese}\n{japanese}\nMixed 漢字 and English words.")


class Hand:
    """A PDF document object by object."""

    def __init__(self):
        self.objects = []

    def add(self, body, stream=None):
        data = body.encode("latin-1") if isinstance(body, str) else body
        if stream is not None:
            data = data[:-2] + b" /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream)
        self.objects.append(data)
        return len(self.objects)

    def file(self, root, info=0, xref=True):
        out, at = b"%PDF-1.7\n", []
        for i, o in enumerate(self.objects, 1):
            at.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (i, o)
        start = len(out)
        if xref:
            out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(at) + 1) + b"".join(b"%010d 00000 n \n" % a for a in at)
        out += b"trailer\n<< /Size %d /Root %d 0 R%s >>\nstartxref\n%d\n%%%%EOF\n" % (len(at) + 1, root, b" /Info %d 0 R" % info if info else b"", start if xref else 7)
        return out


FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def hand(contents, extra=lambda i: "", title="", font=FONT, xref=True, more=None):
    """One page for each content; extra is put into the dictionary of each page."""
    h = Hand()
    f = h.add(font)
    tree = len(h.objects) + 2 * len(contents) + 1
    kids = []
    for i, c in enumerate(contents):
        s = h.add("<< >>", c.encode("cp1252"))
        kids.append(h.add(f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F {f} 0 R >> >> /Contents {s} 0 R {extra(i)} >>"))
    h.add(f"<< /Type /Pages /Kids [{' '.join(f'{k} 0 R' for k in kids)}] /Count {len(kids)} >>")
    catalog = more(h, kids) if more else ""
    root = h.add(f"<< /Type /Catalog /Pages {tree} 0 R {catalog} >>")
    info = h.add(f"<< /Title ({title}) /Author (Ada Example) /CreationDate (D:20240501120000Z) >>") if title else 0
    return h.file(root, info, xref)


def at(x, y, text, size=12, matrix="1 0 0 1"):
    return f"BT /F {size} Tf {matrix} {x} {y} Tm ({text.replace('(', chr(92) + '(').replace(')', chr(92) + ')')}) Tj ET\n"


def wrap(text, width):
    lines, line = [], ""
    for w in text.split():
        if len(line) + len(w) + 1 > width:
            lines.append(line)
            line = w
        else:
            line = (line + " " + w).strip()
    return lines + [line]


def kerning():
    # Blanks are not characters here, but gaps, as TeX writes them.
    lines = wrap(" ".join(COLUMNS[:2]), 70)
    tj = lambda l: "[" + " -278 ".join(f"({w})" for w in l.split()) + "] TJ"
    content = "BT /F 12 Tf 72 720 Td 14 TL\n" + "\n".join(tj(l) + " T*" for l in lines) + "\nET"
    save("kerning", hand([content], title="Gaps"), " ".join(COLUMNS[:2]))


def columns_hand():
    # Line by line over both columns, as some programs print.
    left, right = wrap(" ".join(COLUMNS[:2]), 38), wrap(" ".join(COLUMNS[2:4]), 38)
    content = at(72, 740, "How bees come home", 18)
    for i in range(max(len(left), len(right))):
        for x, lines in ((72, left), (324, right)):
            if i < len(lines):
                content += at(x, 700 - 14 * i, lines[i])
    content += at(72, 300, "Printed on recycled paper.")
    save("columns-by-line", hand([content]), "How bees come home\n" + " ".join(COLUMNS[:4]) + "\nPrinted on recycled paper.")


def table_hand():
    # Column by column, as some reporting tools print a table.
    content = at(72, 740, "Sections of the dyke", 16)
    for c, x in enumerate((72, 220, 320, 420)):
        for r, row in enumerate(TABLE):
            content += at(x, 700 - 20 * r, row[c])
    save("table-by-column", hand([content]), "Sections of the dyke\n" + rows(TABLE))


def rotated():
    text = wrap(COLUMNS[0], 60)
    page = "".join(at(100, 600 - 14 * i, l) for i, l in enumerate(text))
    up = "".join(at(200 + 14 * i, 100, l, 12, "0 1 -1 0") for i, l in enumerate(text))
    both = "".join(at(x, 600 - 14 * i, l) for x, t in ((60, COLUMNS[0]), (330, COLUMNS[1])) for i, l in enumerate(wrap(t, 40)))
    turns = [0, 90, 180, 270, 0, 90]
    save("rotated", hand([page] * 4 + [up, both], lambda i: f"/Rotate {turns[i]}"), *[COLUMNS[0]] * 5, COLUMNS[0] + "\n" + COLUMNS[1])


def form():
    # The last field is without a picture: the viewer is to paint it.
    fields = [("Name", "Grace Hopper", 700), ("Street", "Arlington Road 12", 670), ("Member since", "1986", 640), ("Number", "40-1717", 620)]

    def more(h, kids):
        refs = []
        for name, value, y in fields:
            ap = h.add("<< /Type /XObject /Subtype /Form /BBox [0 0 200 20] /Resources << /Font << /F 1 0 R >> >> >>", f"/Tx BMC BT /F 12 Tf 2 5 Td ({value}) Tj ET EMC".encode())
            refs.append(h.add(f"<< /Type /Annot /Subtype /Widget /FT /Tx /T ({name}) /V ({value}) /Rect [200 {y - 5} 400 {y + 15}] /F 4 /P {kids[0]} 0 R /DA (/F 12 Tf 0 g) {'' if name == 'Number' else f'/AP << /N {ap} 0 R >>'} >>"))
        page = h.objects[kids[0] - 1]
        h.objects[kids[0] - 1] = page[:-2] + f"/Annots [{' '.join(f'{r} 0 R' for r in refs)}] >>".encode()
        return f"/AcroForm << /Fields [{' '.join(f'{r} 0 R' for r in refs)}] /DR << /Font << /F 1 0 R >> >> /DA (/F 12 Tf 0 g) >>"
    content = at(72, 740, "Application for membership", 16) + "".join(at(72, y, name + ":") for name, _, y in fields) + at(72, 600, "Please send it to the office.")
    save("form", hand([content], more=more), "Application for membership\n" + "\n".join(f"{n}: {v}" for n, v, _ in fields) + "\nPlease send it to the office.")


def glyphs():
    # Codes without meaning of their own, named by glyphs.
    text = "Zusammenfassung der Prüfung: bestanden – größte Abweichung 3 µm"
    used = sorted(set(text.replace(" ", "")))
    names = {"ü": "udieresis", "ö": "odieresis", "ß": "germandbls", "µ": "mu", "–": "endash", ":": "colon", "3": "three", **{c: c for c in map(chr, range(65, 123))}}
    codes = {c: i + 128 for i, c in enumerate(used)}
    font = f"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding << /Type /Encoding /Differences [32 /space 128 {' '.join('/' + names[c] for c in used)}] >> >>"
    hexed = "".join(f"{codes.get(c, 32):02x}" for c in text)
    save("glyph-names", hand([f"BT /F 12 Tf 72 700 Td <{hexed}> Tj ET"], font=font), text)


def broken():
    save("broken-index", hand(["".join(at(72, 700 - 14 * i, l) for i, l in enumerate(wrap(COLUMNS[2], 70)))], xref=False), COLUMNS[2])


def blank():
    pages = [at(72, 700, "The next page is left blank."), "", at(72, 700, "This is the third page.")]
    save("empty-page", hand(pages, title="A page without text"), "The next page is left blank.", "", "This is the third page.")


def scan():
    with tempfile.TemporaryDirectory() as d:
        run("pdftoppm", "-gray", "-r", "60", "-singlefile", f"{HERE}/letter.pdf", f"{d}/x")
        raw = open(f"{d}/x.pgm", "rb").read()
    _, size, _, pixels = raw.split(b"\n", 3)
    w, h_ = map(int, size.split())

    def more(h, kids):
        image = h.add(f"<< /Type /XObject /Subtype /Image /Width {w} /Height {h_} /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode >>", zlib.compress(pixels, 9))
        h.objects[kids[0] - 1] = h.objects[kids[0] - 1].replace(b"/Font <<", b"/XObject << /I %d 0 R >> /Font <<" % image)
        return ""
    save("scan", hand(["q 612 0 0 792 0 0 cm /I Do Q"], more=more), "")


def encrypted():
    for name, user in (("encrypted-empty", ""), ("encrypted", "secret")):
        run("qpdf", "--encrypt", user, "owner", "256", "--", f"{HERE}/kerning.pdf", f"{HERE}/{name}.pdf")
        with open(f"{HERE}/{name}.txt", "w") as f:
            f.write(" ".join(COLUMNS[:2]) + "\n")


if __name__ == "__main__":
    makers = [letter, table, footnotes, columns_office, sheet, slides, paper, manual, article, columns_web, hyphens, ligatures, rightleft,
              cjk, kerning, columns_hand, table_hand, rotated, form, glyphs, broken, blank, scan, encrypted]
    for maker in makers:
        if len(sys.argv) == 1 or maker.__name__ in sys.argv[1:]:
            maker()

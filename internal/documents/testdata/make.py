#!/usr/bin/env python3
"""Makes the documents of these folders, except those of pdf, and from the same sources NAME.txt: what a person reads in them.

Needs LibreOffice (writer, calc, impress), python-docx and openpyxl.
    /usr/bin/python3 make.py [--by-hand]
Parts (sheets, slides, chapters, attachments) are separated by a form feed in NAME.txt. Numbers of notes stand where a person sees them,
after a blank; what is at the foot of a page stands at the end.
"""
import datetime
import email.message
import email.policy
import os
import subprocess
import sys
import tempfile
import zipfile
from html import escape

sys.path = [folder for folder in sys.path if folder != os.path.dirname(os.path.abspath(__file__))]  # The folder docx is no module.
HERE = os.path.dirname(os.path.abspath(__file__))
OFFICE = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0" xmlns:number="urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0" xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0" xmlns:of="urn:oasis:names:tc:opendocument:xmlns:of:1.2" office:version="1.2"'


def save(folder, name, data, text):
    os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    with open(os.path.join(HERE, folder, name), "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    expect(folder, name, text)


def expect(folder, name, text):
    with open(os.path.join(HERE, folder, os.path.splitext(name)[0] + ".txt"), "w") as f:
        f.write(text.strip("\n") + "\n")


def office(source, extension, name, *formats, text):
    """Converts a flat OpenDocument source with LibreOffice into each format."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name + extension)
        with open(path, "w") as f:
            f.write(source)
        for form in formats:
            target = form.split(":")[0]
            subprocess.run(["soffice", "-env:UserInstallation=file:///tmp/office-profile", "--headless", "--convert-to", form, "--outdir", folder, path], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            os.makedirs(os.path.join(HERE, target), exist_ok=True)
            os.replace(os.path.join(folder, name + "." + target), os.path.join(HERE, target, name + "." + target))
            expect(target, name + "." + target, text(target) if callable(text) else text)


def converted(source, form, text):
    """Converts a document of these folders with LibreOffice."""
    name = os.path.splitext(os.path.basename(source))[0] + "." + form
    os.makedirs(os.path.join(HERE, form), exist_ok=True)
    subprocess.run(["soffice", "-env:UserInstallation=file:///tmp/office-profile", "--headless", "--convert-to", form, "--outdir", os.path.join(HERE, form), os.path.join(HERE, source)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    expect(form, name, text)


def read(file):
    with open(os.path.join(HERE, file)) as f:
        return f.read()


def fodt(body, header="", footer="", title="", styles=""):
    master = "".join(f"<style:{k}><text:p>{escape(v)}</text:p></style:{k}>" for k, v in (("header", header), ("footer", footer)) if v)
    return f'''<?xml version="1.0" encoding="UTF-8"?><office:document {OFFICE} office:mimetype="application/vnd.oasis.opendocument.text">
<office:meta><dc:title>{escape(title)}</dc:title></office:meta>
<office:styles><style:style style:name="Heading_20_1" style:display-name="Heading 1" style:family="paragraph" style:default-outline-level="1"/>
<style:style style:name="Heading_20_2" style:display-name="Heading 2" style:family="paragraph" style:default-outline-level="2"/></office:styles>
<office:automatic-styles><style:page-layout style:name="pm1"><style:page-layout-properties fo:page-width="21cm" fo:page-height="29.7cm"/><style:header-style/><style:footer-style/></style:page-layout>
<text:list-style style:name="LB"><text:list-level-style-bullet text:level="1" text:bullet-char="•"/><text:list-level-style-bullet text:level="2" text:bullet-char="◦"/></text:list-style>
<text:list-style style:name="LN"><text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/></text:list-style>
<style:style style:name="fr" style:family="graphic"/>{styles}</office:automatic-styles>
<office:master-styles><style:master-page style:name="Standard" style:page-layout-name="pm1">{master}</style:master-page></office:master-styles>
<office:body><office:text>{body}</office:text></office:body></office:document>'''


def p(text):
    return f"<text:p>{escape(text)}</text:p>"


def h(level, text):
    return f'<text:h text:style-name="Heading_20_{level}" text:outline-level="{level}">{escape(text)}</text:h>'


def cells(rows, cell=lambda t: "".join(p(line) for line in t.split("\n"))):
    return "<table:table>" + f'<table:table-column table:number-columns-repeated="{len(rows[0])}"/>' + "".join("<table:table-row>" + "".join(f'<table:table-cell office:value-type="string">{cell(t)}</table:table-cell>' for t in row) + "</table:table-row>" for row in rows) + "</table:table>"


def items(style, texts):
    return f'<text:list text:style-name="{style}">' + "".join(f"<text:list-item>{t if t.startswith('<') else p(t)}</text:list-item>" for t in texts) + "</text:list>"


def note(number, text):
    return f'<text:note text:id="ftn{number}" text:note-class="footnote"><text:note-citation>{number}</text:note-citation><text:note-body>{p(text)}</text:note-body></text:note>'


def plain(rows):
    return "\n".join(" ".join(row) for row in rows)


# A report with everything that reports have.
HARBOUR = [["Pier", "Depth (m)", "State"], ["North", "8.40", "repaired in 2021\nnew fenders"], ["South | inner", "6.15", "closed"], ["Mole", "11.00", ""]]
REPORT = (
    h(1, "The harbour of Stavsnäs") + p("Between the winters of 2019 and 2023 the piers settled by up to 14 millimetres. The cause is known: the clay below was never drained.")
    + "<text:p>The survey was paid for by the county" + note(1, "Decision of 12 March 2019, no. 4711/19.") + " and carried out by two firms" + note(2, "Bergström & Söner AB; Kustmätning AB.") + ".</text:p>"
    + h(2, "What was measured") + items("LB", ["the depth at every pier", "the inclination of the cranes", "the temperature of the water <1 m".replace("<", "≤ ")])
    + p("The results of last summer:") + cells(HARBOUR)
    + h(2, "What to do") + items("LN", ["Drain the clay.", "Raise the northern pier by 20 cm.", "Measure again in a year."])
    + '<text:p>Details are on <text:a xlink:type="simple" xlink:href="https://example.org/stavsn%C3%A4s?page=2">the site of the project</text:a>, as “open data”.</text:p>'
    + '<text:p>The last word has the council.<draw:frame draw:style-name="fr" text:anchor-type="paragraph" svg:width="6cm" svg:height="2cm"><draw:text-box>' + p("Deadline: 30 June 2024, at noon.") + "</draw:text-box></draw:frame></text:p>"
)


def report_text(form):
    numbers = {"odt": ("1.", "2.", "3.")}.get(form, ("1.", "2.", "3."))
    body = f"""The harbour of Stavsnäs
Between the winters of 2019 and 2023 the piers settled by up to 14 millimetres. The cause is known: the clay below was never drained.
The survey was paid for by the county 1 and carried out by two firms 2.
What was measured
the depth at every pier
the inclination of the cranes
the temperature of the water ≤ 1 m
The results of last summer:
{plain(HARBOUR)}
What to do
{numbers[0]} Drain the clay.
{numbers[1]} Raise the northern pier by 20 cm.
{numbers[2]} Measure again in a year.
Details are on the site of the project, as “open data”.
The last word has the council.
Deadline: 30 June 2024, at noon."""
    notes = "1 Decision of 12 March 2019, no. 4711/19.\n2 Bergström & Söner AB; Kustmätning AB."
    return f"County of Stockholm, harbours\n{body}\n{notes}\nInternal, not for publication"


CHANGES = (
    '<text:tracked-changes><text:changed-region text:id="c1"><text:deletion><office:change-info><dc:creator>Ann</dc:creator><dc:date>2024-02-01T10:00:00</dc:date></office:change-info><text:p>ninety days</text:p></text:deletion></text:changed-region>'
    '<text:changed-region text:id="c2"><text:insertion><office:change-info><dc:creator>Ann</dc:creator><dc:date>2024-02-01T10:00:00</dc:date></office:change-info></text:insertion></text:changed-region>'
    '<text:changed-region text:id="c3"><text:deletion><office:change-info><dc:creator>Bo</dc:creator><dc:date>2024-02-02T10:00:00</dc:date></office:change-info><text:p>The buyer pays in cash only.</text:p></text:deletion></text:changed-region></text:tracked-changes>'
    + h(1, "Contract of sale") + '<text:p>The goods are delivered within <text:change text:change-id="c1"/><text:change-start text:change-id="c2"/>thirty days<text:change-end text:change-id="c2"/> after the order.</text:p>'
    + '<text:p><text:change text:change-id="c3"/>The price is € 12,400.50 and includes the transport to Łódź.</text:p>' + p("Both sides keep a copy.")
)
CHANGES_TEXT = "Contract of sale\nThe goods are delivered within thirty days after the order.\nThe price is € 12,400.50 and includes the transport to Łódź.\nBoth sides keep a copy."

LANGUAGES = [("Bulgarian", "Всички хора се раждат свободни и равни по достойнство и права."), ("Greek", "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια."), ("Japanese", "すべての 人間は、 生まれながらにして 自由である。"), ("German", "Alle Menschen sind frei und gleich an Würde geboren – „Artikel 1“."), ("Emoji", "done 😀 and gone 🚢")]
NESTED = (h(1, "One sentence in five languages") + "".join(h(2, name) + p(text) for name, text in LANGUAGES) + h(2, "Lists within lists")
          + items("LB", ["fruit", "<text:p>vegetables</text:p>" + '<text:list><text:list-item><text:p>carrots</text:p></text:list-item><text:list-item><text:p>leeks</text:p></text:list-item></text:list>', "bread"]) + '<text:p>One line<text:line-break/>and the next, with<text:s text:c="4"/>four blanks and a tab<text:tab/>here.</text:p>')
NESTED_TEXT = "One sentence in five languages\n" + "\n".join(f"{n}\n{t}" for n, t in LANGUAGES) + "\nLists within lists\nfruit\nvegetables\ncarrots\nleeks\nbread\nOne line\nand the next, with four blanks and a tab here."


def package(files, first=None):
    """A ZIP archive. The file that says its type comes first and is not packed."""
    import io
    to = io.BytesIO()
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as z:
        if first:
            z.writestr(zipfile.ZipInfo("mimetype"), first)
        for name, content in files.items():
            z.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return to.getvalue()


RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def rels(*entries):
    return '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">' + "".join(f'<Relationship Id="rId{i}" Type="{RELS}/{kind}" Target="{target}"{mode}/>' for i, (kind, target, mode) in enumerate(((e + ("",))[:3] for e in entries), 1)) + "</Relationships>"


def types(main, kind):
    return f'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/{main}" ContentType="{kind}"/></Types>'


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="%s" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" xmlns:v="urn:schemas-microsoft-com:vml"' % RELS


def docx_by_hand():
    """What Word writes and LibreOffice does not: moves, deleted rows and marks of paragraphs, text boxes twice, fields, numbered headings."""
    def par(inner, props=""):
        return f"<w:p><w:pPr>{props}</w:pPr>{inner}</w:p>"

    def run(text, props=""):
        return f'<w:r><w:rPr>{props}</w:rPr><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'
    who = 'w:id="1" w:author="Kim" w:date="2024-05-01T00:00:00Z"'
    box = "<w:txbxContent>" + par(run("Note in a box: valid until 2026.")) + "</w:txbxContent>"
    body = (
        par(run("Terms of use"), '<w:pStyle w:val="Title"/>') + par(run("Scope"), '<w:pStyle w:val="H1"/>')
        + par(run("These terms hold for ") + f"<w:del {who}><w:r><w:delText>all visitors</w:delText></w:r></w:del><w:ins {who}>" + run("registered users") + "</w:ins>" + run(" of the service.") + run(" Secret.", "<w:vanish/>"))
        + par(run("Moved away."), "").replace("<w:r>", f"<w:moveFrom {who}><w:r>").replace("</w:r>", "</w:r></w:moveFrom>")
        + par(run("Definitions"), '<w:pStyle w:val="H2"/>')
        + par(run("a first definition"), '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="2"/></w:numPr>') + par(run("a second one"), '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="2"/></w:numPr>')
        + par(run("a point"), '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="3"/></w:numPr>')
        + par(run("This sentence was "), f"<w:rPr><w:del {who}/></w:rPr>") + par(run("two paragraphs before."))
        + par(run("Payment"), '<w:pStyle w:val="H1"/>')
        + "<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val=\"2\"/></w:tcPr>" + par(run("Fees in 2024")) + "</w:tc><w:tc>" + par(run("Per")) + "</w:tc></w:tr>"
        + "<w:tr><w:tc>" + par(run("Basic")) + "</w:tc><w:tc>" + par("<w:r><w:t>€ 9.90</w:t><w:br/><w:t>plus tax</w:t></w:r>") + "</w:tc><w:tc>" + par(run("month | user")) + "</w:tc></w:tr>"
        + f"<w:tr><w:trPr><w:del {who}/></w:trPr><w:tc>" + par(f"<w:del {who}><w:r><w:delText>Old</w:delText></w:r></w:del>") + "</w:tc></w:tr></w:tbl>"
        + par('<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText> HYPERLINK "https://example.com/terms" </w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r>' + run("All terms") + '<w:r><w:fldChar w:fldCharType="end"/></w:r>' + run(" and ") + '<w:hyperlink r:id="rId4">' + run("the law") + "</w:hyperlink>" + run(" apply.") + '<w:r><w:footnoteReference w:id="2"/></w:r>')
        + par(f"<w:r><mc:AlternateContent><mc:Choice Requires=\"wps\"><w:drawing><wps:txbx>{box}</wps:txbx></w:drawing></mc:Choice><mc:Fallback><w:pict><v:textbox>{box}</v:textbox></w:pict></mc:Fallback></mc:AlternateContent></w:r>" + run("A paragraph with a box."))
        + "<w:sdt><w:sdtPr><w:alias w:val=\"x\"/></w:sdtPr><w:sdtContent>" + par(run("Signed in a content control.")) + '</w:sdtContent></w:sdt><w:sectPr><w:headerReference w:type="default" r:id="rId5"/><w:headerReference w:type="first" r:id="rId6"/></w:sectPr>'
    )
    level = '<w:lvl w:ilvl="%d"><w:start w:val="1"/><w:numFmt w:val="%s"/><w:lvlText w:val="%s"/></w:lvl>'
    files = {
        "[Content_Types].xml": types("word/document.xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"),
        "_rels/.rels": rels(("officeDocument", "word/document.xml")),
        "word/document.xml": f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:document {W}><w:body>{body}</w:body></w:document>',
        "word/_rels/document.xml.rels": rels(("styles", "styles.xml"), ("numbering", "numbering.xml"), ("footnotes", "footnotes.xml"), ("hyperlink", "https://example.com/law", ' TargetMode="External"'), ("header", "header1.xml"), ("header", "header2.xml")),
        "word/styles.xml": f'<w:styles {W}><w:style w:type="paragraph" w:styleId="Title"><w:name w:val="Title"/></w:style><w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr><w:outlineLvl w:val="0"/></w:pPr></w:style><w:style w:type="paragraph" w:styleId="H2"><w:name w:val="heading 2"/><w:basedOn w:val="H1"/><w:pPr><w:numPr><w:ilvl w:val="1"/></w:numPr><w:outlineLvl w:val="1"/></w:pPr></w:style></w:styles>',
        "word/numbering.xml": f'<w:numbering {W}><w:abstractNum w:abstractNumId="0">' + level % (0, "decimal", "%1") + level % (1, "decimal", "%1.%2") + '</w:abstractNum><w:abstractNum w:abstractNumId="1">' + level % (0, "lowerLetter", "(%1)") + '</w:abstractNum><w:abstractNum w:abstractNumId="2">' + level % (0, "bullet", "\uf0b7") + '</w:abstractNum>' + "".join(f'<w:num w:numId="{i}"><w:abstractNumId w:val="{i - 1}"/></w:num>' for i in (1, 2, 3)) + "</w:numbering>",
        "word/footnotes.xml": f'<w:footnotes {W}><w:footnote w:type="separator" w:id="0"><w:p/></w:footnote><w:footnote w:id="2"><w:p><w:r><w:footnoteRef/></w:r>{run(" As of 1 May 2024.")}</w:p></w:footnote></w:footnotes>',
        "word/header1.xml": f"<w:hdr {W}>{par(run('Example Ltd'))}</w:hdr>", "word/header2.xml": f"<w:hdr {W}>{par(run('Example Ltd'))}</w:hdr>",
    }
    save("docx", "terms.docx", package(files), """Example Ltd
Terms of use
1 Scope
These terms hold for registered users of the service.
1.1 Definitions
(a) a first definition
(b) a second one
a point
This sentence was two paragraphs before.
2 Payment
Fees in 2024 Per
Basic € 9.90 plus tax month | user
All terms and the law apply. 1
A paragraph with a box.
Note in a box: valid until 2026.
Signed in a content control.
1 As of 1 May 2024.""")


def docx_by_python():
    import docx
    d = docx.Document()
    d.core_properties.title, d.core_properties.author = "Minutes of the board", "Ada Example"
    d.add_heading("Minutes of the board", 0)
    d.add_paragraph("Present: Ms Åkesson, Mr O’Neill, Dr. Nguyễn. The meeting began at 10:05.")
    d.add_heading("Decisions", 1)
    for text in ("The budget of 1,250,000 kr is approved.", "The office in Gdańsk moves in April."):
        d.add_paragraph(text, style="List Number")
    for text in ("coffee", "two new chairs"):
        d.add_paragraph(text, style="List Bullet")
    table = d.add_table(rows=3, cols=3)
    for row, texts in zip(table.rows, [["Who", "What", "Until"], ["Åkesson", "lease", "2024-03-31"], ["O’Neill", "movers", "2024-04-15"]]):
        for c, text in zip(row.cells, texts):
            c.text = text
    inner = table.rows[2].cells[1].add_table(rows=1, cols=2)
    inner.rows[0].cells[0].text, inner.rows[0].cells[1].text = "two", "trucks"
    d.add_paragraph("The next meeting is on 7 May.").add_run(" Bring your calendars!").bold = True
    path = os.path.join(HERE, "docx", "minutes.docx")
    d.save(path)
    expect("docx", "minutes.docx", """Minutes of the board
Present: Ms Åkesson, Mr O’Neill, Dr. Nguyễn. The meeting began at 10:05.
Decisions
1. The budget of 1,250,000 kr is approved.
2. The office in Gdańsk moves in April.
coffee
two new chairs
Who What Until
Åkesson lease 2024-03-31
O’Neill movers two trucks 2024-04-15
The next meeting is on 7 May. Bring your calendars!""")


# Slides.
def fodp(slides):
    pages = ""
    for i, (title, body, notes) in enumerate(slides, 1):
        pages += f'<draw:page draw:name="page{i}" draw:master-page-name="Default"><draw:frame presentation:class="title" svg:width="20cm" svg:height="3cm" svg:x="1cm" svg:y="1cm"><draw:text-box>{p(title)}</draw:text-box></draw:frame>'
        if isinstance(body, list) and isinstance(body[0], list):
            pages += f'<draw:frame svg:width="20cm" svg:height="5cm" svg:x="1cm" svg:y="5cm">{cells(body)}</draw:frame>'
        elif isinstance(body, list):
            pages += f'<draw:frame presentation:class="outline" svg:width="20cm" svg:height="9cm" svg:x="1cm" svg:y="5cm"><draw:text-box>{items("LB", body)}</draw:text-box></draw:frame>'
        else:
            pages += f'<draw:frame svg:width="20cm" svg:height="5cm" svg:x="1cm" svg:y="5cm"><draw:text-box>{p(body)}</draw:text-box></draw:frame>'
        if notes:
            pages += f'<presentation:notes><draw:frame presentation:class="notes" svg:width="15cm" svg:height="10cm" svg:x="2cm" svg:y="14cm"><draw:text-box>{p(notes)}</draw:text-box></draw:frame></presentation:notes>'
        pages += "</draw:page>"
    return f'<?xml version="1.0" encoding="UTF-8"?><office:document {OFFICE} office:mimetype="application/vnd.oasis.opendocument.presentation"><office:automatic-styles><style:page-layout style:name="pm"><style:page-layout-properties fo:page-width="28cm" fo:page-height="21cm"/></style:page-layout><text:list-style style:name="LB"><text:list-level-style-bullet text:level="1" text:bullet-char="•"/></text:list-style></office:automatic-styles><office:master-styles><style:master-page style:name="Default" style:page-layout-name="pm"/></office:master-styles><office:body><office:presentation>{pages}</office:presentation></office:body></office:document>'


def slides_text(slides):
    parts = []
    for title, body, notes in slides:
        text = plain(body) if isinstance(body, list) and isinstance(body[0], list) else "\n".join(body) if isinstance(body, list) else body
        parts.append(f"{title}\n{text}" + (f"\nNotes:\n{notes}" if notes else ""))
    return "\n\f".join(parts)


PLAN = [("A ferry for the archipelago", "Proposal to the county council, 14 September 2024", "Thank Maja for the picture."), ("Why now", ["the bridge closes in 2026", "12,400 people commute every day", "electric ferries cost 30 % less"], "Do not mention the fire."), ("Costs", [["Year", "Boats", "Million kr"], ["2025", "1", "48.5"], ["2026", "3", "131"]], "")]
SCHOOL = [("Photosynthesis", ["light", "water and CO₂", "sugar – and oxygen"], ""), ("Réaction", "6 CO₂ + 6 H₂O → C₆H₁₂O₆ + 6 O₂", "Ask who knows it.")]


def pptx_by_hand():
    ns = f'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:r="{RELS}"'

    def shape(kind, *texts):
        ph = f'<p:nvPr><p:ph type="{kind}"/></p:nvPr>' if kind else "<p:nvPr/>"
        return f'<p:sp><p:nvSpPr><p:cNvPr id="2" name="x"/><p:cNvSpPr/>{ph}</p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/>' + "".join(f"<a:p>{t if t.startswith('<') else '<a:r><a:t>' + escape(t) + '</a:t></a:r>'}</a:p>" for t in texts) + "</p:txBody></p:sp>"
    slide = '<p:sld %s%s><p:cSld><p:spTree>%s</p:spTree></p:cSld></p:sld>'
    number = '<a:pPr><a:buFont typeface="+mj-lt"/><a:buAutoNum type="arabicPeriod"/></a:pPr><a:r><a:t>%s</a:t></a:r>'
    files = {
        "[Content_Types].xml": types("ppt/presentation.xml", "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"),
        "_rels/.rels": rels(("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f'<p:presentation {ns}><p:sldIdLst><p:sldId id="256" r:id="rId2"/><p:sldId id="257" r:id="rId1"/></p:sldIdLst></p:presentation>',
        "ppt/_rels/presentation.xml.rels": rels(("slide", "slides/slide1.xml"), ("slide", "slides/slide2.xml")),
        "ppt/slides/slide1.xml": slide % (ns, ' show="0"', shape("title", "Backup") + '<p:grpSp><p:nvGrpSpPr/><p:grpSpPr/>' + shape("", "in a group") + shape("", "and its other half") + "</p:grpSp>" + shape("ftr", "Confidential") + shape("sldNum", "2")),
        "ppt/slides/slide2.xml": slide % (ns, "", shape("ctrTitle", "Safety at work") + shape("body", number % "look", number % "think", number % "act") + shape("ftr", "Confidential") + shape("", '<a:r><a:rPr><a:hlinkClick r:id="rId1"/></a:rPr><a:t>The rules</a:t></a:r><a:br/><a:r><a:t>in short</a:t></a:r>') + '<p:graphicFrame><a:graphic><a:graphicData/></a:graphic></p:graphicFrame>'),
        "ppt/slides/_rels/slide2.xml.rels": rels(("hyperlink", "https://example.org/rules", ' TargetMode="External"'), ("diagramData", "../diagrams/data1.xml"), ("notesSlide", "../notesSlides/n1.xml")),
        "ppt/diagrams/data1.xml": '<dgm:dataModel xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><dgm:ptLst>' + "".join(f"<dgm:pt><dgm:t><a:p><a:r><a:t>{t}</a:t></a:r></a:p></dgm:t></dgm:pt>" for t in ("report", "repair")) + "</dgm:ptLst></dgm:dataModel>",
        "ppt/notesSlides/n1.xml": f'<p:notes {ns}><p:cSld><p:spTree>{shape("sldImg")}{shape("body", "Wait for questions.")}{shape("sldNum", "1")}</p:spTree></p:cSld></p:notes>',
    }
    save("pptx", "safety.pptx", package(files), "Safety at work\n1. look\n2. think\n3. act\nConfidential\nThe rules\nin short\nreport\nrepair\nNotes:\nWait for questions.\n\fBackup\nin a group\nand its other half")


# Sheets.
def fods():
    def cell(v):
        if isinstance(v, tuple):
            return v[0]
        if isinstance(v, (int, float)):
            return f'<table:table-cell office:value-type="float" office:value="{v}"><text:p>{v}</text:p></table:table-cell>'
        return f'<table:table-cell office:value-type="string">{p(v)}</table:table-cell>' if v else "<table:table-cell/>"

    def sheet(name, rows):
        return f'<table:table table:name="{name}">' + "".join("<table:table-row>" + "".join(cell(v) for v in row) + "</table:table-row>" for row in rows) + "</table:table>"
    date = lambda iso: (f'<table:table-cell table:style-name="cd" office:value-type="date" office:date-value="{iso}"><text:p>{iso}</text:p></table:table-cell>',)
    money = lambda v, shown: (f'<table:table-cell table:style-name="cm" office:value-type="float" office:value="{v}"><text:p>{shown}</text:p></table:table-cell>',)
    share = lambda v, shown: (f'<table:table-cell table:style-name="cp" office:value-type="percentage" office:value="{v}"><text:p>{shown}</text:p></table:table-cell>',)
    total = ('<table:table-cell table:style-name="cm" table:formula="of:=SUM([.C2:.C3])" office:value-type="float" office:value="14051.5"><text:p>14,051.50</text:p></table:table-cell>',)
    styles = '<number:date-style style:name="nd"><number:year number:style="long"/><number:text>-</number:text><number:month number:style="long"/><number:text>-</number:text><number:day number:style="long"/></number:date-style><number:number-style style:name="nm"><number:number number:decimal-places="2" number:min-integer-digits="1" number:grouping="true"/></number:number-style><number:percentage-style style:name="np"><number:number number:decimal-places="1" number:min-integer-digits="1"/><number:text>%</number:text></number:percentage-style>' + "".join(f'<style:style style:name="c{k}" style:family="table-cell" style:data-style-name="n{k}"/>' for k in "dmp")
    sheets = sheet("Invoices", [["Number", "Date", "Amount", "Share"], ["A-17", date("2024-02-29"), money(1801.5, "1,801.50"), share(0.128, "12.8%")], ["A-18", date("2024-12-01"), money(12250, "12,250.00"), share(0.872, "87.2%")], ["", "", total, ""]]) + sheet("Places", [["Town", "People"], ["Kraków", 779115], ["Győr", 132038], ["", ""], ["Žilina, Slovakia", 80727]])
    return f'<?xml version="1.0" encoding="UTF-8"?><office:document {OFFICE} office:mimetype="application/vnd.oasis.opendocument.spreadsheet"><office:automatic-styles>{styles}</office:automatic-styles><office:body><office:spreadsheet>{sheets}</office:spreadsheet></office:body></office:document>'


FODS_TEXT = "Number Date Amount Share\nA-17 2024-02-29 1,801.50 12.8%\nA-18 2024-12-01 12,250.00 87.2%\n14,051.50\n\fTown People\nKraków 779115\nGyőr 132038\nŽilina, Slovakia 80727"


def xlsx_by_python():
    import openpyxl
    book = openpyxl.Workbook()
    s = book.active
    s.title = "Orders"
    rows = [("Order", "Card", "When", "Price", "Part"), (1, 4929123456789012, datetime.date(2026, 11, 29), 19.9, 0.5), (2, 1234567890123, datetime.datetime(2026, 1, 5, 14, 30), -3.25, 0.333), ("Ärger | Müller\nzweite Zeile", 0.1 + 0.2, datetime.time(7, 5), 1234567.891, 1)]
    for row in rows:
        s.append(row)
    for c, form in (("C2", "mm-dd-yy"), ("C3", "dd.mm.yyyy hh:mm"), ("C4", "h:mm"), ("D2", "0.00"), ("D3", '#,##0.00 "€";[Red]-#,##0.00 "€"'), ("D4", '#,##0'), ("E2", "0%"), ("E3", "0.0%"), ("E4", "00000")):
        s[c].number_format = form
    s["A6"], s["D6"] = "Sum", "=SUM(D2:D4)"
    s["A7"] = True
    hidden = book.create_sheet("Notes (internal)")
    hidden.sheet_state = "hidden"
    hidden["B3"] = "margin 40 %"
    book.create_sheet("Empty")
    os.makedirs(os.path.join(HERE, "xlsx"), exist_ok=True)
    book.save(os.path.join(HERE, "xlsx", "orders.xlsx"))
    expect("xlsx", "orders.xlsx", "Order Card When Price Part\n1 4929123456789012 2026-11-29 19.90 50%\n2 1234567890123 05.01.2026 14:30 -3.25 € 33.3%\nÄrger | Müller zweite Zeile 0.3 7:05 1,234,568 00001\nSum =SUM(D2:D4)\nTRUE\n\fmargin 40 %\n\f")


def xlsx_by_hand():
    ns = f'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="{RELS}"'
    formats = ["General", "yyyy/mm/dd", "[h]:mm", "000-00-0000", "0.00E+00", "# ?/?", '"Nr. "0', "mmmm d, yyyy", "@", "[$€-407] #,##0.00"]
    cells = [("s", "1", 0, "0"), ("", "43101", 1, ""), ("", "1.75", 2, ""), ("", "123456789", 3, ""), ("", "1.2345678901234501E+17", 4, ""), ("", "0.25", 5, ""), ("", "7", 6, ""), ("", "0", 7, ""), ("inlineStr", "", 8, "007"), ("", "1234.5", 9, ""), ("b", "0", 0, ""), ("e", "#N/A", 0, ""), ("", "12345678901234567890", 0, ""), ("", "-2.5", 0, ""), ("str", "computed", 0, "")]
    row = "".join(f'<c{f" t=" + chr(34) + t + chr(34) if t else ""} s="{s}">' + (f"<is><t>{extra}</t></is>" if t == "inlineStr" else ("<f>A1</f>" if v == "computed" else "") + f"<v>{v}</v>") + "</c>" for t, v, s, extra in cells)
    files = {
        "[Content_Types].xml": types("xl/workbook.xml", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"),
        "_rels/.rels": rels(("officeDocument", "/xl/workbook.xml")),
        "xl/workbook.xml": f'<x:workbook xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="{RELS}"><x:workbookPr date1904="1"/><x:sheets><x:sheet name="Ünïcode &amp; more" sheetId="1" r:id="rId1"/></x:sheets></x:workbook>',
        "xl/_rels/workbook.xml.rels": rels(("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "sharedStrings.xml"), ("styles", "styles.xml")),
        "xl/sharedStrings.xml": f'<sst {ns}><si><t>plain</t></si><si><r><t>rich </t></r><r><rPr><b/></rPr><t>text</t></r><rPh sb="0" eb="1"><t>READING</t></rPh></si></sst>',
        "xl/styles.xml": f'<styleSheet {ns}><numFmts>' + "".join(f'<numFmt numFmtId="{164 + i}" formatCode="{escape(f, True)}"/>' for i, f in enumerate(formats)) + "</numFmts><cellXfs>" + "".join(f'<xf numFmtId="{0 if f == "General" else 164 + i}"/>' for i, f in enumerate(formats)) + "</cellXfs></styleSheet>",
        "xl/worksheets/sheet1.xml": f'<worksheet {ns}><sheetData><row r="2">{row}</row><row r="5"><c r="B5"><f t="shared" ref="B5:B6" si="0">A5*2</f><v>84</v></c><c r="D5"><v>1</v></c></row></sheetData></worksheet>',
    }
    save("xlsx", "formats.xlsx", package(files), "rich text 2022/01/02 42:00 123-45-6789 123456789012345000 0.25 Nr. 7 January 1, 1904 007 € 1,234.50 FALSE #N/A 12345678901234567890 -2.5 computed\n84 1")


# Pages.
PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>How to  repair a bicycle</title><meta name="author" content="Ada Example">
<style>p { color: red }</style><script>var hidden = "not text";</script></head><body>
<nav><a href="/">Home</a> <a href="/all">All articles</a></nav><header><p>The workshop – a site about tools</p></header>
<main><h1>How to repair a bicycle</h1><p>A puncture takes <b>ten minutes</b>.
You need&nbsp;a patch &amp; <a href="https://example.org/glue">glue</a>.</p><noscript>Enable scripts</noscript>
<ol start="3"><li>Find the hole.<li><p>Rough it up.</p><ul><li>with sandpaper</li></ul><li>Glue.</ol>
<table><caption>Prices</caption><thead><tr><th>Part<th>Price<br>(EUR)</tr></thead><tr><td>tube<td>4.50<tr><td rowspan="2">tyre<td><p>from 15.00</p><p>to 60.00</p><tr><td>or | used<tr><td colspan="2">all with tax</table>
<p hidden>Not seen.</p><pre>wheel
  hub</pre><div>Good <span>luck</span>!<br>Write to us.</div><blockquote>It rolls.</blockquote></main>
<footer>© 2024</footer></body></html>"""
PAGE_TEXT = "How to repair a bicycle\nA puncture takes ten minutes. You need a patch & glue.\n3. Find the hole.\n4. Rough it up.\nwith sandpaper\n5. Glue.\nPrices\nPart Price (EUR)\ntube 4.50\ntyre from 15.00 to 60.00\nor | used\nall with tax\nwheel hub\nGood luck!\nWrite to us.\nIt rolls."
LATIN = """<html><head><meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"><title>Gästebuch</title></head><body bgcolor=white>
<center><font size=5>Gästebuch</font></center><table width=100%><tr><td><table border=1><tr><td>Name</td><td>Gruß</td></tr><tr><td>Jürgen</td><td>Schöne Seite<br>weiter so!</td></tr></table></td></tr><tr><td>Seite 1 von 2</td></tr></table>
<p>Größe: 3 &lt; 4 &euro;<p>Ende</body></html>"""
LATIN_TEXT = "Gästebuch\nName Gruß\nJürgen Schöne Seite weiter so!\nSeite 1 von 2\nGröße: 3 < 4 €\nEnde"


def chapter(title, body):
    return f'<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"><head><title>{title}</title><style>p{{}}</style></head><body><h1>{title}</h1>{body}</body></html>'


def epub(name, chapters, text, prefix="OEBPS/"):
    manifest = "".join(f'<item id="c{i}" href="{escape(file)}" media-type="application/xhtml+xml"/>' for i, (file, _) in enumerate(chapters))
    spine = "".join(f'<itemref idref="c{i}"/>' for i in range(len(chapters)))
    from urllib.parse import unquote
    files = {"META-INF/container.xml": f'<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="{prefix}content.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
             prefix + "content.opf": f'<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{name}</dc:title><dc:creator>Ada Example</dc:creator><dc:language>en</dc:language></metadata><manifest>{manifest}</manifest><spine>{spine}</spine></package>'}
    for file, content in reversed(chapters):  # The order of files is not that of chapters.
        files[prefix + unquote(file)] = content
    save("epub", name + ".epub", package(files, "application/epub+zip"), text)


RUSSIAN = "Съешь ещё этих мягких французских булок"


def rtf_by_hand():
    cyrillic = "".join(f"\\'{b:02x}" for b in RUSSIAN.encode("cp1251"))
    text = (r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\froman Times;}{\f1\fnil\fcharset204 Arial Cyr;}}{\colortbl;\red255\green0\blue0;}{\stylesheet{\s0 Normal;}{\s1\sb240\outlinelevel0 heading 1;}}"
            r"{\*\generator Nobody 1.0;}{\info{\title Notes from the road}{\author Ada}}{\header\pard Travel diary\par}"
            r"\pard\s1 Notes from the road\par\pard\plain It was cold \'96 \'80 5 for a tea. {\f1 " + cyrillic + r"}\par"
            r"\uc1\pard Unicode: \u937? \u-10179?\u-8704? {\uc2\u8364\'45\'55}.{\v hidden}{\deleted gone}\line New line \{braces\} and\~more\emdash done.\par"
            r"{\pict\wmetafile8\picw10\pich10 0102030405}\pard See {\field{\*\fldinst HYPERLINK " + '"https://example.org"' + r"}{\fldrslt the map}} or ask.{\footnote\pard The map is of 2019.}\par"
            r"\trowd\cellx1000\cellx2000\pard\intbl Day\cell Distance\cell\row\trowd\pard\intbl Monday\cell 23 km\par uphill\cell\row\pard"
            r"{\pntext\'b7\tab}socks\par{\pntext\'b7\tab}shoes\par{\*\unknown nothing}\bin3 }{x The end.\par}")
    save("rtf", "diary.rtf", text, f"Travel diary\nNotes from the road\nIt was cold – € 5 for a tea. {RUSSIAN}\nUnicode: Ω 😀 €.\nNew line {{braces}} and more—done.\nSee the map or ask. 1\nDay Distance\nMonday 23 km uphill\nsocks\nshoes\nThe end.\n1 The map is of 2019.")


def mails():
    def mail(subject, sender, **kw):
        m = email.message.EmailMessage(policy=email.policy.SMTP)
        m["From"], m["To"], m["Date"], m["Subject"] = sender, kw.get("to", "shop@example.org"), "Tue, 05 Nov 2024 09:15:00 +0100", subject
        return m
    head = "From: {}\nTo: {}\nDate: Tue, 05 Nov 2024 09:15:00 +0100\nSubject: {}\n"
    m = mail("Größe der Bestellung – Frage", '"Jürgen Groß" <j@example.org>')
    m.set_content("Guten Tag,\n\nist die Bestellung Nr. 1234 schon unterwegs? Es fehlen 3 Stück à 5 €.\n\nGruß\nJürgen\n", cte="base64")
    m.add_alternative("<html><body><p>Guten <b>Tag</b> in HTML</p></body></html>", subtype="html")
    m.add_attachment("Teil;Menge\nSchraube;3\n".encode(), maintype="text", subtype="csv", filename="Bestellung.csv")
    m.add_attachment(open(os.path.join(HERE, "docx", "minutes.docx"), "rb").read(), maintype="application", subtype="vnd.openxmlformats-officedocument.wordprocessingml.document", filename="protokoll ä.docx")
    save("eml", "order.eml", m.as_bytes(), head.format('"Jürgen Groß" <j@example.org>', "shop@example.org", "Größe der Bestellung – Frage") + "Guten Tag,\nist die Bestellung Nr. 1234 schon unterwegs? Es fehlen 3 Stück à 5 €.\nGruß\nJürgen\n\fTeil Menge\nSchraube 3\n\f" + open(os.path.join(HERE, "docx", "minutes.txt")).read())
    html = "<html><body><table><tr><td><h2>Facture n° 88</h2></td></tr><tr><td><p>Total : 1&nbsp;250,00 €, payée à réception.</p><img src='cid:a' alt='Logo'></td></tr></table></body></html>"
    raw = b"From: =?iso-8859-15?Q?Andr=E9?= <a@example.fr>\r\nTo: shop@example.org\r\nDate: Tue, 05 Nov 2024 09:15:00 +0100\r\nSubject: =?UTF-8?B?RmFjdHVyZSDigqw=?=\r\n =?UTF-8?Q?_88?=\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=iso-8859-15\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    import quopri
    save("eml", "invoice.eml", raw + quopri.encodestring(html.encode("iso-8859-15")).replace(b"\n", b"\r\n"), head.format("André <a@example.fr>", "shop@example.org", "Facture € 88") + "Facture n° 88\nTotal : 1 250,00 €, payée à réception.\nLogo")
    inner = mail("Inner", "in@example.org", to="me@example.org")
    inner.set_content("The inner mail.\n")
    inner.add_attachment(b"deep text", maintype="text", subtype="plain", filename="deep.txt")
    outer = mail("Fwd: Inner", "me@example.org")
    outer.set_content("See below. This line is very long and was broken by the program \nthat wrote it.\n", params={"format": "flowed"})
    outer.add_attachment(inner)
    save("eml", "forwarded.eml", outer.as_bytes(), head.format("me@example.org", "shop@example.org", "Fwd: Inner") + "See below. This line is very long and was broken by the program that wrote it.\n\f" + head.format("in@example.org", "me@example.org", "Inner") + "The inner mail.\n\fdeep text")


def texts():
    save("md", "readme.md", "# A tool\n\nIt *works*.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", "A tool\nIt *works*.\na b\n1 2")
    save("md", "list.markdown", "Title first\n===========\n\n- one\n- two [link](https://example.org)\n", "Title first\none\ntwo link")
    save("md", "code.md", "## Use\r\n\r\n```sh\r\nmake all\r\n```\r\n", "Use\nsh\nmake all")
    save("csv", "people.csv", "name;born;note\r\n\"Müller; Jürgen\";1980-02-01;\"two\r\nlines\"\r\n\"the \"\"boss\"\"\";007;\r\n".encode("utf-8-sig"), 'name born note\nMüller; Jürgen 1980-02-01 two lines\nthe "boss" 007')
    save("csv", "stock.tsv", "id\titem, kind\tleft\n1\tbolt | nut\t12345678901234567890\n2\tnail\n", "id item, kind left\n1 bolt | nut 12345678901234567890\n2 nail")
    save("csv", "excel.csv", "sep=,\r\na,b\r\n\"1,5\",ü\r\n".encode("utf-16"), "a b\n1,5 ü")
    save("txt", "utf16.log", "Zeile eins – ä\r\nzwei".encode("utf-16-be").join([b"\xfe\xff", b""]), "Zeile eins – ä\nzwei")
    os.replace(os.path.join(HERE, "txt", "utf16.txt"), os.path.join(HERE, "txt", "utf16.log.want"))
    save("txt", "plain.text", "Grüße 😀\n\n  indented\n", "Grüße 😀\nindented")
    os.replace(os.path.join(HERE, "txt", "plain.txt"), os.path.join(HERE, "txt", "plain.text.want"))
    save("txt", "windows-1252.log", "Preis: 5 € für „Müller“".encode("cp1252"), "Preis: 5 € für „Müller“")
    os.replace(os.path.join(HERE, "txt", "windows-1252.txt"), os.path.join(HERE, "txt", "windows-1252.log.want"))


def made_by_office():
    docs = dict(header="County of Stockholm, harbours", footer="Internal, not for publication", title="The harbour of Stavsnäs")
    office(fodt(REPORT, **docs), ".fodt", "report", "odt", "docx", "rtf", text=report_text)
    office(fodt(CHANGES), ".fodt", "changes", "odt", "docx", "rtf", text=CHANGES_TEXT)
    office(fodt(NESTED), ".fodt", "languages", "odt", "docx", "rtf", "epub", "html", text=lambda form: NESTED_TEXT)
    office(fodp(PLAN), ".fodp", "plan", "odp", "pptx", text=slides_text(PLAN))
    office(fodp(SCHOOL), ".fodp", "school", "odp", "pptx", text=slides_text(SCHOOL))
    office(fods(), ".fods", "invoices", "ods", "xlsx", text=FODS_TEXT)


def made_by_hand():
    docx_by_hand()
    docx_by_python()
    pptx_by_hand()
    xlsx_by_python()
    xlsx_by_hand()
    save("html", "bicycle.html", PAGE, PAGE_TEXT)
    save("html", "guestbook.htm", LATIN.encode("iso-8859-1"), LATIN_TEXT)
    epub("island", [("one.xhtml", chapter("The boat", "<p>We left at dawn&#8212;without bread.</p><svg><title>x</title></svg>")), ("text/tw%20o.xhtml", chapter("The storm", "<p>It came at <i>noon</i>.</p><table><tr><th>Wind</th><th>Wave</th></tr><tr><td>9</td><td>4 m<br/>high</td></tr></table>"))], "The boat\nWe left at dawn—without bread.\n\fThe storm\nIt came at noon.\nWind Wave\n9 4 m high")
    epub("verses", [("v.html", chapter("Vers", "<p>Über allen Gipfeln<br/>ist Ruh,</p><p>in allen Wipfeln</p><nav><ol><li>spürest du</li></ol></nav>"))], "Vers\nÜber allen Gipfeln\nist Ruh,\nin allen Wipfeln\n1. spürest du", prefix="")
    rtf_by_hand()
    mails()
    texts()


if __name__ == "__main__":
    if "--by-hand" not in sys.argv:
        made_by_office()
    made_by_hand()
    if "--by-hand" not in sys.argv:
        # What LibreOffice makes of documents that it has not made. It drops the box, and it calculates.
        converted("docx/terms.docx", "odt", read("docx/terms.txt").replace("Note in a box: valid until 2026.\n", ""))
        converted("docx/minutes.docx", "odt", read("docx/minutes.txt"))
        converted("docx/minutes.docx", "rtf", read("docx/minutes.txt"))
        converted("pptx/safety.pptx", "odp", read("pptx/safety.txt").replace("Confidential\n", "").replace("report\nrepair\n", ""))
        converted("xlsx/orders.xlsx", "ods", read("xlsx/orders.txt").replace("2026-11-29", "11/29/2026").replace("=SUM(D2:D4)", "1234584.541").replace("TRUE", "1"))
        converted("xlsx/formats.xlsx", "ods", read("xlsx/formats.txt").replace("0.25", "1/4").replace("12345678901234567890", "12345678901234600000").replace("computed", "0").replace("84 1", "0 1"))

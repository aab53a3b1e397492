#!/bin/sh
# npm's exceljs 4.4.0: characters that a cell's text has as _xHHHH_ (ECMA-376, ST_Xstring; a carriage return is _x000D_) are decoded in
# shared strings only. In an inline string, as writers of streams make them, and in the text that a formula has as its result, the six
# letters stay: one text has three values, by where the file keeps it. npm's xlsx 0.18.5 decodes all three, as spreadsheets do.
# Writing &#13; instead of _x000D_ is read by both.
#
# Needs Node with npm, python3 (which makes the file), and the network for the packages. Exits with 1 where the behavior has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 - <<'PY'
import zipfile
main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
package = "http://schemas.openxmlformats.org/package/2006"
kind = "application/vnd.openxmlformats-officedocument.spreadsheetml."
parts = {
    "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    + "".join(f'<Override PartName="/xl/{name}.xml" ContentType="{kind}{of}+xml"/>' for name, of in [("workbook", "sheet.main"), ("worksheets/sheet1", "worksheet"), ("sharedStrings", "sharedStrings")]) + "</Types>",
    "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="a" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="S" sheetId="1" r:id="a"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="a" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="b" Type="{office}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
    "xl/sharedStrings.xml": f'<sst xmlns="{main}" count="1" uniqueCount="1"><si><t>a_x000D_b</t></si></sst>',
    "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>a_x000D_b</t></is></c>'
    '<c r="C1" t="str"><f>UPPER("x")</f><v>a_x000D_b</v></c><c r="D1" t="inlineStr"><is><t>a&#13;b</t></is></c></row></sheetData></worksheet>',
}
with zipfile.ZipFile("texts.xlsx", "w") as book:
    for name, text in parts.items():
        book.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + text)
PY
npm init -y > npm.txt 2>&1
npm install --silent exceljs@4.4.0 xlsx@0.18.5 > npm.txt 2>&1 || { cat npm.txt; exit 1; }
cat > read.js <<'JS'
const show = (name, values) => console.log(name + ': ' + values.map(v => JSON.stringify(v)).join(' '))
const exceljs = require('exceljs'), xlsx = require('xlsx')
const book = new exceljs.Workbook()
book.xlsx.readFile('texts.xlsx').then(() => {
	const row = book.worksheets[0].getRow(1)
	show('exceljs', ['A', 'B', 'C', 'D'].map(c => row.getCell(c).result ?? row.getCell(c).value))
	const sheet = xlsx.readFile('texts.xlsx').Sheets.S
	show('xlsx', ['A1', 'B1', 'C1', 'D1'].map(c => sheet[c].v))
})
JS
node read.js > seen.txt
cat > expected.txt <<'SEEN'
exceljs: "a\rb" "a_x000D_b" "a_x000D_b" "a\rb"
xlsx: "a\rb" "a\rb" "a\rb" "a\rb"
SEEN
cat seen.txt
diff expected.txt seen.txt && echo "exceljs $(node -p "require('exceljs/package.json').version"): escapes are decoded in shared strings only"

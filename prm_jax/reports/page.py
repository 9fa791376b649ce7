"""The template of `report.html`: no script, nothing loaded from elsewhere."""

TEMPLATE = """\
{%- macro show(table, num_text) -%}
<div class="wide"><table>
<thead><tr>
{%- for name in table.header %}
<th{% if loop.index0 >= num_text %} class="num"{% endif %}>{{ name }}</th>
{%- endfor %}
</tr></thead>
{%- for group in table.groups %}
<tbody>
{%- for line in group.lines %}
<tr{% if line.is_best %} class="best"{% endif %}>
{%- if loop.first %}<th rowspan="{{ group.lines | length }}" scope="rowgroup">
{{- group.title }}</th>{% endif %}
{%- for cell in line.cells %}
<td{% if loop.index >= num_text %} class="num"{% endif %}>{{ cell }}</td>
{%- endfor %}
</tr>
{%- endfor %}
</tbody>
{%- endfor %}
</table></div>
{% if table.note %}<p class="note">{{ table.note }}</p>{% endif %}
{%- endmacro -%}
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{{ title }}</title>
<style>
:root { color-scheme: light; --line: #d8d8d8; --soft: #666; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a;
  background: #fff; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; }
h2 { font-size: 1.25rem; margin-top: 2.5rem;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin-top: 1.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .9rem .2rem 0; text-align: left;
  vertical-align: top; white-space: nowrap; font-weight: normal; }
thead th { vertical-align: bottom; color: var(--soft);
  border-bottom: 2px solid #1a1a1a; }
tbody th { font-weight: 600; }
tbody { border-bottom: 1px solid var(--line); }
.num { text-align: right; }
.best td { font-weight: 600; }
.note, .facts { color: var(--soft); font-size: .88rem; }
img { max-width: 100%; height: auto; display: block; margin: .8rem 0; }
pre { font-size: .8rem; background: #f6f6f6; padding: .8rem;
  overflow-x: auto; }
code { overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
{%- if sections | length > 1 %}
<ul>
{%- for section in sections %}
<li><a href="#run{{ loop.index }}">{{ section.name }}</a></li>
{%- endfor %}
</ul>
{%- endif %}
{%- for section in sections %}
<h2 id="run{{ loop.index }}">{{ section.name }}</h2>
{%- if section.facts %}
<p class="facts">{{ section.facts }}</p>
{%- endif %}
{%- if section.accuracy %}
{{ show(section.accuracy, num_text) }}
{%- endif %}
{%- for figure in section.figures %}
<h3>{{ figure.title }}</h3>
<img src="{{ figure.uri }}" alt="{{ figure.title }}">
{%- endfor %}
{%- if section.measurements %}
<h3>Other measurements</h3>
{{ show(section.measurements, num_text) }}
{%- endif %}
{%- for line in section.undefined %}
<p class="note">{{ line }}</p>
{%- endfor %}
{%- if section.config %}
<details><summary>Command and config</summary>
<p><code>{{ section.command }}</code></p>
<pre>{{ section.config }}</pre></details>
{%- endif %}
{%- endfor %}
</body>
</html>
"""

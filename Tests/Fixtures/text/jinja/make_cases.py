"""What Hugging Face's chat-template environment (transformers 5.23, jinja2 3.1.6) makes of small templates.

    pip install transformers==5.23.0 jinja2==3.1.6 && python make_cases.py

Writes `cases.json`: template, and its output or `"error": true`. The variables are the same for all.
"""
import json
import pathlib

from transformers.utils.chat_template_utils import _compile_jinja_template

VARIABLES = {
    "messages": [{"role": "system", "content": " Be terse. "}, {"role": "user", "content": "Hi <b>you</b>"},
                 {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": {"b": 1, "a": [1.5, True, None]}}}]}],
    "text": "The quick\n  brown 'fox'\n\njumps ", "words": ["b", "A", "c", "a"], "numbers": [3, -1, 2.5, 10], "empty": [], "none": None,
    "unicode": "Grüße, 雞兔同籠 🐔 e\u0301", "data": {"b": 2, "a": {"x": [1, 2, {"y": "z"}]}, "items": 5}, "flag": True, "n": 7, "pi": 3.14159,
    "rows": [{"k": "x", "v": 1}, {"k": "y", "v": 0}, {"k": "z"}], "pairs": [["a", 1], ["b", 2]],
}

EXPRESSIONS = r"""
1 + 2 * 3 - 4 / 2
7 // 2, -7 // 2, 7 % 3, -7 % 3, 7 % -3, 2 ** 10, -2 ** 2, 2 ** -1, 2 ** 3 ** 2
7.5 // 2, -7.5 % 2, 1e3, 1.5e-7, 1_000, 0x1F, 0b101, 0o17
1 / 3, 10 / 5, 1e16, 123456789012345678, 0.1 + 0.2, 1e22, 100.0
1 / 0
5 % 0
"a" + "b" ~ 1 ~ none ~ true ~ 1.0
"a" + 1
[1] + [2, 3], (1,) + (2,), [1] * 3, "ab" * 2, 3 * "x", "x" * -1
[1] + (2,)
1 == 1.0, true == 1, "a" == "a", [1, 2] == [1, 2], (1, 2) == [1, 2], {"a": 1} == {"a": 1.0}, none == false
1 < 2 < 3, 1 < 3 < 2, "a" < "b", [1, 2] < [1, 3], 2 >= 2.0, not 1 > 2
"a" < 1
none < 1
1 in [1, 2], "a" in "cat", "x" not in "cat", "a" in {"a": 1}, 3 in (1, 2), "" in "abc"
1 in "abc"
missing in [1], 1 in missing
true and 0, 0 or "x", "" or none, 1 and 2, not missing
"yes" if flag else "no", "yes" if missing, ("a" if missing) is defined
messages[0].role, messages[-1]["role"], messages[99] is defined, messages[0].nope is defined, messages[0]["nope"]
messages[0].nope.deeper
missing.attribute
missing["key"]
missing + 1
missing ~ "x", missing | length, missing | trim, missing | default("d"), missing is iterable, missing is sequence
missing()
messages[2].content, messages[2].content is none, messages[2].content | trim, none.foo is defined, none[0] is defined
messages[2].tool_calls[0].function.arguments.b, messages.2.role
text[0], text[-2], text[4:9], text[::-1], text[-6:], text[:3], text[100:], text[5:1]
words[1:], words[::2], words[::-1], words[-2:], words[3:0:-1], words[10:-10:-1], (1, 2, 3)[1:]
words[::0]
words["a"] is defined, words[true], text["upper"]()
[1, "a", 1.5, none, true, {"k": "v", 1: 2}, (1,), (), [[]]]
{"a": 1, "b": [1, "it's", 'say "hi"', "both ' and \""]}
"tab\there", "new\nline", "\x41\u00e9\U0001F414\101", "\q", 'it\'s', "a" "b"
["tab\t", "\x07", "é", "\u200b", "\\", "\xa0", "雞"]
text.split(), text.split("\n"), text.split("\n", 1), "a,b,,c".split(","), "a,b,c".rsplit(",", 1), "".split(), "".split(",")
"  a  b  c ".split(none, 1), "  a  b  c ".rsplit(none, 1), "aXbXc".split("X", maxsplit=1)
"a".split("")
"  x ".strip(), "  x ".lstrip(), "  x ".rstrip(), "xxaxx".strip("x"), "abcba".lstrip("ab"), "abcba".rstrip("ab"), "\u3000x\u00a0".strip()
"abc".startswith("ab"), "abc".endswith("bc"), "abc".startswith(("x", "a")), "abc".startswith("b", 1), "abc".endswith("")
"aXbX".replace("X", "-"), "aXbX".replace("X", "-", 1), "abc".replace("", "-"), "aaa".replace("aa", "b")
"hello world".upper(), "HeLLo".lower(), "hello world".title(), "they're bill's".title(), "hELLO".capitalize(), "ß".upper(), "ǆ".title()
"a-b".join(["x", "y"]), ",".join([]), "".join("abc")
",".join([1])
"abc".find("c"), "abc".find("x"), "abcabc".rfind("b"), "abcabc".index("b"), "abcabc".count("bc"), "雞兔".find("兔"), "aaa".count("aa")
"abc".index("x")
"abc".find(""), "abc".rfind(""), "abc".count(""), "abc".rfind("", 1), "abc".find("", 1, 2), "abc".find("", 9), "".rfind("")
"a=b=c".partition("="), "a=b=c".rpartition("="), "abc".partition("="), "abc".rpartition("=")
"a\nb\r\nc\n".splitlines(), "a\nb".splitlines(true), "".splitlines()
"5".zfill(3), "-5".zfill(4), "ab".center(7, "*"), "ab".center(6), "ab".ljust(4) ~ "|", "ab".rjust(4)
"12".isdigit(), "a1".isalnum(), "ab".isalpha(), " ".isspace(), "AB".isupper(), "ab".islower(), "".isdigit(), "½".isnumeric(), "12".isdecimal()
"prefix-x".removeprefix("prefix-"), "x.txt".removesuffix(".txt"), "aBc".swapcase(), "Straße ΣΑΣ ﬁn".casefold(), "abc".isascii(), "ÉÀ".casefold()
"{} and {}".format(1, "b"), "{1}{0}".format("a", "b"), "{x}".format(x=5), "{{}}".format(), "{!r}".format("q"), "{}".format(none)
"{}".format()
"%s is %d and %.2f%%" % ("a", 5, 2.5), "%05d|%-5s|%5s|%x" % (42, "ab", "cd", 255), "%(k)s" % {"k": "v"}, "%s" % [1, 2]
"%s %s" % ("a",)
"%d" % "x"
data.a.x[2].y, data["a"]["x"][0], data.get("b"), data.get("zz"), data.get("zz", "d"), data["items"]
data.items() | list, data.keys() | list, data.values() | list, data | list, data | length, "b" in data
data | items | list, data | dictsort, data | dictsort(reverse=true), {"B": 1, "a": 2} | dictsort, {"B": 1, "a": 2} | dictsort(true), {"a": 2, "b": 1} | dictsort(by="value")
none | items | list
data.update({"c": 1})
words.append("d")
words.pop()
data.nope()
words.count("a"), words.index("c"), (1, 1).count(1), words.copy()
words | first, words | last, empty | first is defined, words | join, words | join(", "), numbers | join("-"), "abc" | join("."), rows | join(",", attribute="k")
words | length, "雞兔" | length, data | count
5 | length
words | sort, words | sort(reverse=true), words | sort(case_sensitive=true), rows | sort(attribute="k", reverse=true) | map(attribute="k") | list
numbers | sort, numbers | min, numbers | max, numbers | sum, empty | sum, rows[:2] | sum(attribute="v", start=10), words | min, words | max, empty | max is defined
[1, "a"] | sort
rows | sum(attribute="v")
words | reverse | list, "abc" | reverse, (1, 2) | reverse | list, words | map("upper") | list, words | map("upper") | join
["a", "A", "b", "a"] | unique | list, ["a", "A"] | unique(case_sensitive=true) | list, rows | unique(attribute="k") | list | length
rows | map(attribute="v") | list | length, rows | map(attribute="v", default=9) | list, pairs | map(attribute=0) | list, pairs | map("last") | list, [" a ", "b "] | map("trim") | list
rows | selectattr("v") | list, rows | selectattr("v", "equalto", 0) | list, rows | rejectattr("v", "defined") | list, rows | selectattr("v", "defined") | map(attribute="k") | join(",")
numbers | select("odd") | list
[1, 2, 3, 4] | select("odd") | list, [1, 2, 3, 4] | reject("divisibleby", 2) | list, [0, 1, "", "a"] | select | list, [0, 1] | reject | list, [1, 5, 3] | select(">", 2) | list
words | map("nosuchfilter") | list
words | nosuchfilter
words is nosuchtest
words | map("upper") | length
words | select is iterable, words | select is sequence, (empty | select) and true, words | select is string
text | trim, " x " | trim, "xxaxx" | trim("x"), none | trim, 5 | trim ~ "!"
("<a>" | e) | e, ("<a>" | safe) is escaped, "<" is escaped, ("<" | e) | tojson
("<" | e) + "<", "<" + ("<" | e), ("<" | e) ~ "<", ("%s" | safe) % "<", ("{}" | safe).format("<"), ("," | e).join(["<", "<" | e]), ["<" | e, "<"] | join | e
("<" | e).replace("&", "<"), ("a<" | e)[1:] | e, ("a<" | e)[0] | e, ("<" | e) | upper | e, ("<" | e) | title | e, ["<" | e], ("<" | e) == "&lt;", {"&lt;": 1}["<" | e]
"-0x3" | float, "".startswith("", 1), "ab".endswith("", 3), "ab".startswith("", 2)
("<a & 'b'>" | e) ~ ("<a>" | escape) ~ ("<x>" | safe), "x" | string, 5 | string, [1] | string, none | string, true | string
text | upper, text | lower, "hello world-foo (bar)" | title, "hELLO" | capitalize, "it's o'clock" | title
text | indent, text | indent(2), text | indent(2, true), text | indent(2, true, true), text | indent("> "), "" | indent(2, true), "a\n" | indent
text | replace("o", "0"), text | replace("o", "0", 1), 5 | replace("5", "6"), "a" | replace("", "-")
"%s-%s" | format("a", 1), "%(x)s" | format(x=1)
"hello world foo" | truncate(9), "hello world foo" | truncate(9, true), "hello" | truncate(9), "hello world foo" | truncate(5, false, "…", 0)
"5" | int, "5.7" | int, "x" | int, "x" | int(9), 5.9 | int, -5.9 | int, "ff" | int(0, 16), " 7 " | int, true | int, none | int, "1e3" | int
"5" | float, "x" | float, "1.5" | float, 5 | float, none | float(2.0), "1e3" | float, "inf" | float, "nan" | float
2.5 | round, 3.5 | round, 2.567 | round(2), 2.51 | round(1, "ceil"), 2.59 | round(1, "floor"), -0.3 | round(0, "ceil"), -2.5 | round, 5 | round, 1234.5 | round(-2), 2.675 | round(2)
-5 | abs, -2.5 | abs, true | abs, - 5 | abs
"x" | abs
none | default("d"), none | default("d", true), "" | default("d", true), missing | d("e"), 0 | default(5, boolean=true), missing | default
rows | tojson, data | tojson, unicode | tojson, "<>&'" | tojson, 1.0 | tojson, none | tojson, {1: 2, none: 3, true: 4, 1.5: 5} | tojson, [1.5e-7, 1e16] | tojson, (1, 2) | tojson
data | tojson(indent=2), data | tojson(indent=2, sort_keys=true), [] | tojson(indent=2), unicode | tojson(ensure_ascii=true), data | tojson(separators=(",", ":")), {"a": []} | tojson(indent=4)
missing | tojson
[missing] | tojson
words | map("upper") | tojson
1 is number, 1.0 is number, true is number, "1" is number, 1 is integer, true is integer, 1.0 is integer, 1.0 is float, true is boolean, 1 is boolean
"a" is string, [] is string, {} is mapping, [] is mapping, [] is sequence, "a" is sequence, {} is sequence, 5 is sequence, 5 is iterable, "a" is iterable, none is iterable, () is sequence
none is none, 0 is none, missing is none, missing is defined, n is defined, missing is undefined, n is not defined, none is defined
true is true, 1 is true, false is false, 0 is false, none is false
3 is odd, 4 is even, 9 is divisibleby 3, 9 is divisibleby(2), 3 is eq 3, 3 is equalto(3), 3 is ne 4, 3 is lt 4, 3 is ge(3), 3 is in [1, 3], "a" is in "abc", n is gt 5 and n is lessthan 8
"abc" is lower, "ABC" is upper, "Abc" is lower, 5 is lower, range is callable, n is callable, none is sameas none, 1 is sameas true, "upper" is filter, "nope" is filter
not n is none, not (n is none), n is not none and flag
"é" == "e\u0301", "é" in unicode, unicode | upper, unicode[0:2], unicode | length, unicode[::-1]
range(5) | list, range(2, 5) | list, range(10, 0, -3) | list, range(0) | list, range(3) | length, 2 in range(3), range(5)[1], range(5, 1) | list
range(1000000)
range(1, 5, 0)
dict(a=1, b=2), dict({"a": 1}, b=2), dict([["x", 1]]), dict()
namespace(a=1).a, namespace({"a": 2}).a, namespace().b is defined
strftime_now("%Y") | length
raise_exception("No " ~ n)
(1, 2, 3), (1,), 1, 2
[1, 2,], {"a": 1,}, (1, 2,)
words[n - 6], data["a" if flag else "b"], {"k": n}["k"], [1, 2, 3][-1], "abc"[1], (words | sort)[0], words|sort|first
n|string + "x", n + 1|string|length, "a" ~ n|string ~ "b", "%s" % n|string
5 if n > 5 else 6 if n > 3 else 7, (5 if n > 9 else 6) + 1
messages | map(attribute="role") | join(","), messages | selectattr("role", "in", ["user", "system"]) | list | length, messages | map(attribute="content") | select("string") | list
messages | rejectattr("role", "eq", "user") | map(attribute="role") | list, messages | selectattr("content.x", "undefined") | list | length
"a".__class__.__mro__
loop is defined, caller is defined, varargs is defined
"a" if
1 +
foo bar
[1, 2
(1, 2
{"a" 1}
a b | c
x is
"unterminated
{{}}
1 2
= 1
f(a=1, 2)
f(a=1, a=2)
""".strip("\n").split("\n")

TEMPLATES = [
    "{% for m in messages %}{{ loop.index }}/{{ loop.length }} {{ loop.first }} {{ loop.last }} {{ m.role }};{% endfor %}",
    "{% for m in messages %}{{ loop.index0 }},{{ loop.revindex }},{{ loop.revindex0 }},{{ loop.previtem.role }},{{ loop.nextitem.role if loop.nextitem }};{% endfor %}",
    "{% for a, b in pairs %}{{ a }}={{ b }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for (a, b) in pairs %}{{ a }}{{ b }}{% endfor %}", "{% for a, b, c in pairs %}{{ a }}{% endfor %}", "{% for a in 5 %}{% endfor %}",
    "{% for k, v in data.items() %}{{ k }}:{{ v }};{% endfor %}", "{% for k in data %}{{ k }}{% endfor %}", "{% for c in 'añ雞' %}{{ c }}-{% endfor %}",
    "{% for x in empty %}x{% else %}none{% endfor %}", "{% for x in missing %}x{% else %}none{% endfor %}", "{% for x in none %}x{% endfor %}",
    "{% for x in numbers if x > 2 %}{{ loop.index }}:{{ x }}/{{ loop.length }} {% else %}no{% endfor %}",
    "{% for x in numbers if x > 99 %}{{ x }}{% else %}no{% endfor %}",
    "{% for x in range(10) %}{% if x == 3 %}{% continue %}{% endif %}{% if x == 6 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in [1,2] %}{% for y in 'ab' %}{{ loop.index }}{{ loop.depth }}{{ x }}{{ y }} {% endfor %}{{ loop.index }};{% endfor %}",
    "{% for x in [1,2,3] %}{{ loop.cycle('odd', 'even') }} {% endfor %}", "{% for x in 'ab' %}{{ loop.depth0 }}{% endfor %}",
    "{% set x = 1 %}{% for i in [1,2] %}{{ x }}{% set x = 5 %}{{ x }}{% endfor %}{{ x }}",
    "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}", "{% for i in [1] %}{% set y = 1 %}{% endfor %}{{ y is defined }}",
    "{% set ns = namespace(x=1) %}{% for i in [1,2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns.y is defined }}{{ ns['x'] }}",
    "{% set data.x = 1 %}", "{% set missing.x = 1 %}", "{% set ns = namespace() %}{% set ns._x = 1 %}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = 1 %}",
    "{% set t = 1, 2 %}{{ t }}", "{% set x %}a{{ n }}b{% endset %}[{{ x }}]", "{% set x | upper | trim %} a{{ n }}b {% endset %}[{{ x }}]",
    "{% set x = 1 %}{% set y %}{% set x = 2 %}{{ x }}{% endset %}{{ x }}{{ y }}",
    "{% if n > 5 %}a{% elif n > 3 %}b{% else %}c{% endif %}", "{% if missing %}a{% elif none %}b{% else %}c{% endif %}", "{% if n > 9 %}a{% endif %}",
    "{% if messages[0].role == 'system' and messages|length > 1 %}ok{% endif %}", "{% if not messages[0].tool_calls %}none{% endif %}",
    "{% macro m(a, b=2, c='x') %}[{{ a }},{{ b }},{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c='y') }}{{ m(b=1, a=0) }}{{ m() }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(z=2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}",
    "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3, y=4) }}", "{% macro m(a=missing) %}{{ a is defined }}{% endmacro %}{{ m() }}",
    "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}", "{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}",
    "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(5) }}", "{% macro m() %}{{ x }}{% endmacro %}{% set x = 5 %}{{ m() }}",
    "{% set x = 1 %}{% macro m() %}{{ x }}{% set x = 2 %}{{ x }}{% endmacro %}{{ m() }}{{ x }}", "{% for i in [1,2] %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}",
    "{% macro m(x) %}{{ x }}{% endmacro %}{% for loopvar in [1] %}{{ m(loopvar) | upper ~ '!' }}{% endfor %}", "{% macro m() %}{{ loop is defined }}{% endmacro %}{% for i in [1] %}{{ m() }}{% endfor %}",
    "{% macro w(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call w('b') %}in {{ n }}{% endcall %}",
    "{% macro w() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) w() %}{{ a }}+{{ b }}{% endcall %}", "{% call 5 %}x{% endcall %}", "{% macro w(a, b=1) %}{{ caller() }}{% endmacro %}{{ w.name }}{{ w.arguments }}{{ w.caller }}{{ w.catch_kwargs }}{{ w.catch_varargs }}{{ w.nope is defined }}",
    "{% macro w() %}x{% endmacro %}{% call w() %}y{% endcall %}", "{% macro w() %}{{ caller is defined }}{% endmacro %}{{ w() }}{{ w(caller=1) }}", "{% macro w() %}{{ kwargs }}{% endmacro %}{{ w(caller=1) }}",
    "{% if false %}{% call w(caller=1) %}y{% endcall %}{% endif %}", "{% macro w(caller=5) %}{{ caller }}{% endmacro %}{{ w() }}{{ w(caller=6) }}",
    "{% import 'x' as y %}", "{% from 'x' import y %}", "{{ 'x' | pprintx }}",
    "{% macro a() %}A{{ caller() }}{% endmacro %}{% macro b() %}B{{ caller() }}{% endmacro %}{% call a() %}{% call b() %}x{% endcall %}{% endcall %}",
    "{% filter upper %}a{{ n }}b{% endfilter %}", "{% filter replace('a', 'b') | upper %}aXa{% endfilter %}", "{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}",
    "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q is defined }}", "{% generation %}x{{ n }}{% set z = 1 %}{% endgeneration %}{{ z is defined }}",
    "{% raw %}{{ x }} {% if %}{% endraw %}", "  {% raw %}\n a {% endraw %}  \nb", "{%- raw -%}  {{ x }}  {%- endraw -%}  y", "a {# comment #} b", "a\n  {# comment #}\nb", "a {#- c -#} b", "{# {{ x }} {% if #}",
    "a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  {%- if true -%}\n  b\n  {%- endif -%}\nc\n", "a\n  {%+ if true +%}\n  b\n  {%+ endif +%}\nc\n",
    "  {% if true %}x{% endif %}  y", "x  {% if true %}\n\ny{% endif %}\n", "\n\n{% set x = 1 %}\n\n{{ x }}\n\n", "a {{- n -}} b", "a {{ n }} \n{{ n }}\n  {{ n }}", "{{ n }}\n{% if 1 %}\n{{ n }}\n{% endif %}\n{{ n }}",
    "a\t\n \t{% if 1 %} \n b {% endif %} \n", "{% if 1 -%}\n\n x{% endif %}", "\u3000{%- if 1 %}x{% endif %}", "a\r\nb\r\n{% if 1 %}\r\nc{% endif %}\r\n", "x\n", "x\n\n", "", "\n", "{{ '{{' }}{{ '%}' }}{{ \"}}\" }}",
    "{{ {'a': {'b': 1}}['a']['b'] }}", "{{ {'a': {}} }}", "{{\n n\n}}", "{% if\n n %}x{% endif %}", "{{ n -}}\n\n  x", "{{- '' -}}   x", "{% for x in [1,2] -%}\n  {{ x }}\n{% endfor %}", "{% for x in [1,2] %}\n  {{- x }}\n{% endfor %}z",
    "{%for x in [1]%}{{x}}{%endfor%}", "{%- for x in [1] -%} {{- x -}} {%- endfor -%}", "{{ 1 }}{{ 2 }}{#x#}{{ 3 }}", "{% if n == 7: %}x{% endif %}",
    "{% if true %}", "{% endif %}", "{% for x in y %}", "{% unknown %}", "{{ x", "{% if true", "{# open", "{% raw %}x", "{% else %}", "{% for %}{% endfor %}", "{% set %}", "{% set 5 = x %}", "{% macro %}{% endmacro %}", "{% break %}",
    "{% if true %}{% endfor %}", "{{ }}", "{% %}", "{{ x }", "{% set x = %}", "{% for x in [1] %}{% endif %}{% endfor %}", "{% macro m(a=1, b) %}{% endmacro %}", "{% set true = 1 %}", "{% include 'x' %}", "{% extends 'x' %}",
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' }}{% if m.content is string %}{{ m.content | trim }}{% elif m.tool_calls %}{{ m.tool_calls[0].function.arguments | tojson }}{% endif %}{% endfor %}{% if true %}{{ '<|assistant|>\n' }}{% endif %}",
    "{% for m in messages[::-1] %}{{ m.role }}{% endfor %}", "{% for m in messages | reverse %}{{ m.role }}{% endfor %}", "{% set messages = messages[1:] %}{{ messages | length }}", "{% for x in words | sort %}{{ x }}{% endfor %}",
    "{% for i in range(3) %}{% set ns = namespace(v=i) %}{{ ns.v }}{% endfor %}", "{% set ns = namespace(l=[]) %}{% for i in range(3) %}{% set ns.l = ns.l + [i * i] %}{% endfor %}{{ ns.l }}",
    "{{ raise_exception('stop') }}", "{% if false %}{{ raise_exception('stop') }}{% endif %}ok", "{% if false %}{{ 1 | nosuch }}{% endif %}ok",
    "{{ messages[0]['content'].strip() + '!' }}{{ messages[0].content.split()[0] }}", "{{ data.a.x | length }}{{ data['a'].x[0] }}", "{{ namespace }}{{ range is defined }}" if False else "{{ range is defined }}",
]


def render(template):
    try:
        return {"output": _compile_jinja_template(template).render(**json.loads(json.dumps(VARIABLES)))}
    except Exception as error:  # Whatever it is, the template does not render.
        return {"error": True, "reason": f"{type(error).__name__}: {error}"[:200]}


if __name__ == "__main__":
    templates = ["{{ " + e + " }}" for e in EXPRESSIONS] + TEMPLATES
    cases = [{"template": t} | render(t) for t in templates]
    here = pathlib.Path(__file__).parent
    (here / "cases.json").write_text(json.dumps({"variables": VARIABLES, "cases": cases}, ensure_ascii=True, indent=1) + "\n")

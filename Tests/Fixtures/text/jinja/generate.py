"""Random chat templates, and what Hugging Face's environment (transformers, jinja2) makes of them.

    pip install transformers==5.23.0 jinja2==3.1.6 && python generate.py   # writes generated.json

The same seed gives the same templates. Every construct that is supported comes up, mostly with values of the types it is
for and sometimes with others. What differs from run to run in Python itself (addresses, random choices) is left out.
"""
import json
import pathlib
import random
import re

from transformers.utils.chat_template_utils import _compile_jinja_template

WORDS = ["a", "B", "foo", "Bar baz", "", " x ", "1", "-2.5", "a,b,,c", "l1\nl2\n\n  l4", "雞兔", "Grüße ß", "<b>&amp;</b>",
         "it's \"q\"", "tab\there", "ÀÉ", "0x1F", "x_y-z", "Tru", "{}", "%s", "e\u0301", "hello world foo bar"]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = {"str": ["s1", "s2"], "int": ["i1", "i2"], "float": ["f1"], "list": ["l1", "l2"], "dict": ["d1"],
                      "rows": ["rows"], "messages": ["messages"]}
        self.local = 0

    def pick(self, *options):
        return self.random.choice(options)

    def chance(self, probability):
        return self.random.random() < probability

    # Values

    def json(self, depth=0):
        kind = self.random.random()
        if kind < 0.3:
            return self.pick(*WORDS)
        if kind < 0.5:
            return self.random.randint(-9, 20)
        if kind < 0.6:
            return self.pick(0.5, -1.25, 3.0, 1e20, 2.675, 1e-7)
        if kind < 0.72 or depth > 1:
            return self.pick(None, True, False)
        if kind < 0.86:
            return [self.json(depth + 1) for _ in range(self.random.randint(0, 3))]
        return {self.pick("a", "b", "c", "items", "k k"): self.json(depth + 1) for _ in range(self.random.randint(0, 3))}

    def context(self):
        r = self.random
        roles = ["system", "user", "assistant", "tool"]
        return {
            "s1": self.pick(*WORDS), "s2": self.pick(*WORDS), "i1": r.randint(-5, 12), "i2": r.randint(0, 4),
            "f1": self.pick(0.5, 2.5, -3.75, 1e3, 3.0), "l1": [r.randint(-3, 5) for _ in range(r.randint(0, 5))],
            "l2": [self.pick(*WORDS) for _ in range(r.randint(0, 4))], "d1": {k: self.json(1) for k in r.sample("abcd", 3)},
            "rows": [{"k": self.pick("x", "y", "Z"), "v": r.randint(0, 3), **({"w": [r.randint(0, 2)]} if self.chance(0.5) else {})}
                     for _ in range(r.randint(0, 4))],
            "tree": [{"n": 1, "sub": [{"n": 2, "sub": []}, {"n": 3, "sub": [{"n": 4, "sub": []}]}]}, {"n": 5, "sub": []}],
            "messages": [{"role": self.pick(*roles), "content": self.pick(*WORDS, None)} for _ in range(r.randint(1, 4))],
            "u": self.json(), "none": None, "flag": self.chance(0.5),
        }

    # Expressions

    def expression(self, kind="any", depth=0):
        if self.chance(0.012):
            kind = self.pick("str", "int", "float", "list", "dict", "any", "bool")
        if kind == "any":
            kind = self.pick("str", "str", "int", "int", "float", "list", "dict", "bool", "other")
        if depth > 2:
            return self.leaf(kind)
        text = getattr(self, "make_" + kind)(depth + 1)
        return f"({text})" if depth and " | " in text else text

    def leaf(self, kind):
        if kind == "str":
            return self.pick(*self.names["str"], self.literal())
        if kind == "int":
            return self.pick(*self.names["int"], str(self.random.randint(0, 12)))
        if kind == "float":
            return self.pick("f1", "1.5", "0.1", "2.0", "1e3")
        if kind == "list":
            return self.pick("l1", "l2", "[]", "[1, 2, 3]", "('a', 'b')")
        if kind == "dict":
            return self.pick("d1", "{'x': 1}", "{}")
        if kind == "bool":
            return self.pick("true", "false", "flag", "none")
        return self.pick("u", "missing", "none", "d1.a", "l1[0]", "messages[0].content", "rows")

    def literal(self):
        return json.dumps(self.pick(*WORDS), ensure_ascii=self.chance(0.3))

    def make_other(self, depth):
        return self.pick(
            lambda: self.leaf("other"),
            lambda: f"{self.expression('dict', depth)}.{self.pick('a', 'b', 'zz', 'items')}",
            lambda: f"{self.expression('dict', depth)}[{self.expression('str', depth)}]",
            lambda: f"{self.expression('list', depth)}[{self.expression('int', depth)}]",
            lambda: f"{self.expression('list', depth)} | {self.pick('first', 'last', 'first', 'length')}",
            lambda: f"({self.expression('any', depth)} if {self.expression('bool', depth)} else {self.expression('any', depth)})",
            lambda: f"({self.expression('any', depth)} if {self.expression('bool', depth)})",
            lambda: f"({self.expression('any', depth)} {self.pick('and', 'or')} {self.expression('any', depth)})",
            lambda: f"{self.expression('other', depth)} | default({self.expression('any', depth)}{self.pick('', ', true')})",
            lambda: f"{self.expression('dict', depth)}.get({self.literal()}{self.pick('', ', ' + self.leaf('any') if False else ', 5')})",
        )()

    def make_str(self, depth):
        e = lambda kind: self.expression(kind, depth)
        s = lambda: "(" + e("str") + ")"
        return self.pick(
            lambda: self.leaf("str"), lambda: self.leaf("str"),
            lambda: f"({e('str')} + {e('str')})", lambda: f"({e('any')} ~ {e('any')})",
            lambda: f"{s()} * {self.pick('2', '0', '-1', 'i2')}",
            lambda: f"{s()}[{self.slice()}]", lambda: f"{s()}[{e('int')}]",
            lambda: f"{s()}.{self.pick('upper', 'lower', 'strip', 'lstrip', 'rstrip', 'title', 'capitalize', 'swapcase', 'casefold')}()",
            lambda: f"{s()}.{self.pick('strip', 'lstrip', 'rstrip')}({self.pick(self.literal(), 'none')})",
            lambda: f"{s()}.replace({self.literal()}, {self.literal()}{self.pick('', ', 1', ', -1')})",
            lambda: f"{s()}.{self.pick('center', 'ljust', 'rjust')}({self.random.randint(0, 12)}{self.pick('', ', ' + chr(39) + '*' + chr(39))})",
            lambda: f"{s()}.zfill({self.random.randint(0, 8)})",
            lambda: f"{s()}.{self.pick('removeprefix', 'removesuffix')}({self.literal()})",
            lambda: f"{s()}.expandtabs({self.pick('', '4', '0')})",
            lambda: f"{self.literal()}.join({self.pick('l2', 's1', '[' + e('str') + ']')})",
            lambda: self.format_call(depth), lambda: self.percent(depth),
            lambda: self.markup(depth), lambda: self.markup(depth),
            lambda: f"{s()} | {self.pick('upper', 'lower', 'title', 'capitalize', 'trim', 'string', 'e', 'escape', 'safe', 'length', 'reverse')}",
            lambda: f"{e('any')} | {self.pick('string', 'tojson', 'e', 'trim', 'upper', 'length')}",
            lambda: f"{e('any')} | tojson({self.pick('', 'indent=2', 'ensure_ascii=true', 'sort_keys=true', 'separators=(' + repr(',') + ', ' + repr(':') + ')', 'indent=0')})",
            lambda: f"{e('list')} | join({self.pick('', self.literal())})",
            lambda: f"rows | join({self.literal()}, attribute={self.pick(repr('k'), repr('v'), repr('zz'))})",
            lambda: f"{s()} | replace({self.literal()}, {self.literal()}{self.pick('', ', 1')})",
            lambda: f"{s()} | indent({self.pick('', '2', '1, true', '3, false, true', repr('> '))})",
            lambda: f"{s()} | truncate({self.random.randint(3, 12)}{self.pick('', ', true', ', false, ' + repr('~'), ', true, ' + repr('..') + ', 0')})",
        )()

    def markup(self, depth):
        """Text that is escaped, and what is made of it."""
        e = lambda kind: self.expression(kind, depth)
        text = f"({e('any')} | {self.pick('e', 'escape', 'safe')})"
        return self.pick(
            lambda: f"({text} | e)", lambda: f"({text} | {self.pick('upper', 'lower', 'trim', 'title', 'capitalize', 'string', 'indent', 'reverse', 'first', 'last', 'truncate(6, true, ' + repr('<') + ', 0)')} | e)",
            lambda: f"(({text} + {e('str')}) | e)", lambda: f"(({e('str')} + {text}) | e)", lambda: f"(({text} ~ {e('str')}) | e)",
            lambda: f"(({text} * 2) | e)", lambda: f"({text}[{self.slice()}] | e)", lambda: f"({text}[{e('int')}] | e)",
            lambda: f"({text}.{self.pick('upper', 'strip', 'title', 'swapcase', 'casefold', 'expandtabs')}() | e)",
            lambda: f"({text}.replace({self.literal()}, {self.literal()}) | e)", lambda: f"({text}.{self.pick('center', 'ljust', 'rjust')}(8, '<') | e)",
            lambda: f"({text}.join([{e('str')}, {e('any')}, '<']) | e)", lambda: f"({e('str')}.join([{text}, '<']) | e)",
            lambda: f"({text}.{self.pick('split', 'splitlines')}() | map('e') | list)", lambda: f"({text}.partition('&') | map('e') | join('|'))",
            lambda: f"(('{self.pick('%s', '%5s', '%.3s', '%r')}' | safe) % ({e('any')},) | e)", lambda: f"(('<%s>' | e) | format({e('str')}) | e)",
            lambda: f"(('<{{}}{self.pick('', '{:>4}', '{!r}', '{!s}')}>' | safe).format({e('str')}, {e('any')}) | e)",
            lambda: f"('<{{}}>'.format({text}) | e)", lambda: f"([{text}, '<'] | join('&') | e)", lambda: f"[{text}, {{'k': {text}}}]",
            lambda: f"({text} is {self.pick('escaped', 'string', 'sameas ' + repr('a'), 'upper')})", lambda: f"({text} {self.pick('==', '<', 'in', '!=')} {e('str')})",
            lambda: f"({text} | tojson | e)", lambda: f"d1.get({text})",
            lambda: f"({text} | length)",
        )()

    def format_call(self, depth):
        e = lambda kind: self.expression(kind, depth)
        spec = self.pick("", ":>8", ":<6", ":^7", ":*^9", "!r", "!s:>5", ":.2", ":5")
        number = self.pick("", ":d", ":05d", ":+d", ":x", ":#x", ":b", ":o", ":,", ":>6", ":<6d", ":e", ":.3f", ":%", ":_", ": d")
        real = self.pick("", ":.2f", ":8.3f", ":+.1f", ":e", ":g", ":.3g", ":%", ":.1%", ":<9.2f", ":010.2f", ":,.2f")
        return self.pick(
            lambda: f"'<{{{spec}}}>'.format({e('str')})", lambda: f"'<{{{number}}}>'.format({e('int')})",
            lambda: f"'<{{{real}}}>'.format({e('float')})", lambda: f"'{{0}}{{1}}{{0}}'.format({e('any')}, {e('any')})",
            lambda: f"'{{a}}{{{{}}}}{{b!r}}'.format(a={e('any')}, b={e('any')})", lambda: f"'{{}}{{}}'.format({e('any')})",
            lambda: f"'{{0.a}}{{0[b]}}'.format(d1)", lambda: f"'{{0[0]}}'.format({e('list')})",
            lambda: f"'{{:{{}}}}'.format({e('str')}, 6)",
        )()

    def percent(self, depth):
        e = lambda kind: self.expression(kind, depth)
        return self.pick(
            lambda: f"('%{self.pick('s', 'r', '5s', '-5s|', '.2s')}' % ({e('any')},))",
            lambda: f"('%{self.pick('d', '05d', '+d', 'x', 'o', '#x', '-4d|', 'i')}' % {e('int')})",
            lambda: f"('%{self.pick('f', '.2f', 'e', 'g', '8.3f', '+.1f')}' % {e('float')})",
            lambda: f"('%s-%s' % ({e('any')}, {e('any')}))", lambda: f"('%(a)s' % {e('dict')})",
            lambda: f"('%s %%' | format({e('any')}))", lambda: f"('%*d' % ({e('int')}, {e('int')}))",
        )()

    def slice(self):
        part = lambda: self.pick("", "", "1", "-1", "2", "-3", "i2", "none", "7")
        step = self.pick("", "", ":", ":1", ":2", ":-1", ":-2")
        return f"{part()}:{part()}{step}"

    def make_int(self, depth):
        e = lambda kind: self.expression(kind, depth)
        return self.pick(
            lambda: self.leaf("int"), lambda: self.leaf("int"),
            lambda: f"({e('int')} {self.pick('+', '-', '*', '//', '%')} {e('int')})", lambda: f"-({e('int')})",
            lambda: f"({e('int')} ** {self.pick('2', '3', '0')})", lambda: f"({e('int')} / {e('int')})",
            lambda: f"{e('any')} | length", lambda: f"{e('any')} | int{self.pick('', '(7)', '(0, 16)', '(base=2)')}",
            lambda: f"({e('str')}).{self.pick('find', 'rfind', 'count', 'index')}({self.literal()}{self.pick('', ', 1', ', 0, 3')})",
            lambda: f"{e('int')} | abs", lambda: "l1 | sum", lambda: f"{e('list')} | count",
            lambda: f"{e('list')}.{self.pick('count', 'index')}({e('int')})",
            lambda: f"rows | sum(attribute='v'{self.pick('', ', start=5')})", lambda: f"({e('int')}).bit_length()",
        )()

    def make_float(self, depth):
        e = lambda kind: self.expression(kind, depth)
        return self.pick(
            lambda: self.leaf("float"), lambda: f"({e('float')} {self.pick('+', '-', '*', '/', '//', '%')} {e('int')})",
            lambda: f"{e('any')} | float{self.pick('', '(1.5)')}",
            lambda: f"{e('float')} | round{self.pick('', '(1)', '(2, ' + repr('floor') + ')', '(1, ' + repr('ceil') + ')', '(-1)')}",
            lambda: f"{e('float')} | abs", lambda: f"({e('float')} ** 2)",
        )()

    def make_list(self, depth):
        e = lambda kind: self.expression(kind, depth)
        attribute = self.pick("k", "v", "w", "zz", "w.0")
        test = self.pick("defined", "none", "string", "number", "odd", "even", "'eq', 1", "'gt', 0", "'in', [1, 2]", "mapping")
        test = test if test.startswith("'") else f"'{test}'"
        return self.pick(
            lambda: self.leaf("list"), lambda: f"[{', '.join(e('any') for _ in range(self.random.randint(0, 3)))}]",
            lambda: f"({e('list')} + {e('list')})", lambda: f"{e('list')}[{self.slice()}]", lambda: f"({e('list')} * 2)",
            lambda: f"{e('list')} | {self.pick('sort', 'sort(reverse=true)', 'sort(case_sensitive=true)', 'unique | list', 'reverse | list', 'list')}",
            lambda: f"rows | sort(attribute='{self.pick('k', 'v', 'k,v', 'v,k')}'{self.pick('', ', reverse=true')})",
            lambda: f"rows | map(attribute='{attribute}'{self.pick('', ', default=9')}) | list",
            lambda: f"{e('list')} | map('{self.pick('upper', 'string', 'length', 'abs', 'int', 'tojson')}') | list",
            lambda: f"{e('list')} | map({self.pick(repr('default') + ', 1, true', repr('replace') + ', ' + repr('a') + ', ' + repr('b'), repr('round') + ', 1', repr('truncate') + ', 4, true', repr('format') + ', 1', repr('indent') + ', width=1, first=true', repr('attr') + ', ' + repr('k'))}) | list",
            lambda: f"rows | {self.pick('unique', 'min', 'max')}(attribute='{self.pick('k', 'v')}'{self.pick('', ', case_sensitive=true')}) {self.pick('', '| list')}",
            lambda: f"{e('list')} | {self.pick('min', 'max', 'unique(true) | list', 'sort | first', 'sort | unique | list', 'sum', 'last')}",
            lambda: f"(d1 | dictsort({self.pick('', 'true, ')}{self.pick('reverse=true', 'by=' + repr('value'))}) | map('first') | list)",
            lambda: f"(rows | sort(attribute='v') | map(attribute='k') | {self.pick('list', 'join', 'first', 'sort | join')})",
            lambda: f"range({e('int')}, {e('int')}{self.pick('', ', 2', ', -1', ', -3')}) | list", lambda: f"[{e('list')}, {e('list')}] | sort",
            lambda: f"({e('list')} | selectattr({self.pick(repr('k'), repr('0'), '0')}{self.pick('', ', ' + repr('eq') + ', ' + repr('x'), ', ' + repr('sameas') + ', none')}) | list)",
            lambda: f"{e('list')} | {self.pick('select', 'reject')}({self.pick('', test)}) | list",
            lambda: f"rows | {self.pick('selectattr', 'rejectattr')}('{attribute}'{self.pick('', ', ' + test)}) | list",
            lambda: f"({e('str')}).{self.pick('split', 'rsplit')}({self.pick('', self.literal(), 'none, 1', repr(',') + ', 1')})",
            lambda: f"({e('str')}).{self.pick('splitlines()', 'splitlines(true)', 'partition(' + repr(',') + ')', 'rpartition(' + repr('l') + ')')}",
            lambda: f"range({self.pick('3', '1, 4', '5, 0, -2', 'i2')}) | list", lambda: f"{e('str')} | list",
            lambda: f"{e('dict')} | {self.pick('list', 'items | list', 'dictsort', 'dictsort(true)', 'dictsort(reverse=true)')}",
            lambda: f"{e('dict')}.{self.pick('items', 'keys', 'values')}() | list", lambda: f"{e('dict')} | dictsort(by='value')",
            lambda: f"{e('list')} | zip({e('list')})" if False else f"({e('any')}, {e('any')})",
        )()

    def make_dict(self, depth):
        e = lambda kind: self.expression(kind, depth)
        return self.pick(
            lambda: self.leaf("dict"), lambda: f"{{'a': {e('any')}, {self.literal()}: {e('any')}}}",
            lambda: f"dict(a={e('any')}, b={e('any')})", lambda: f"dict({e('dict')}, c={e('int')})",
            lambda: f"{{{e('int')}: {e('str')}, none: 1, true: 2}}", lambda: f"dict([('a', {e('any')})])",
            lambda: f"{e('dict')}.copy()", lambda: f"dict(**{e('dict')})",
        )()

    def make_bool(self, depth):
        e = lambda kind: self.expression(kind, depth)
        compare = lambda: self.pick("==", "!=", "<", "<=", ">", ">=")
        test = self.pick("defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping",
                         "iterable", "sequence", "callable", "true", "false", "odd", "even", "lower", "upper", "escaped",
                         "divisibleby 2", "divisibleby(3)", "sameas none", "eq 1", "gt(2)", "in [1, 2]", "in 'abc'", "filter", "test")
        method = self.pick("startswith", "endswith")
        query = self.pick("isdigit", "isalpha", "isalnum", "isspace", "isupper", "islower", "isnumeric", "isdecimal", "istitle",
                          "isascii", "isidentifier", "isprintable")
        return self.pick(
            lambda: self.leaf("bool"), lambda: f"({e('int')} {compare()} {e('int')})", lambda: f"({e('str')} {compare()} {e('str')})",
            lambda: f"({e('int')} {compare()} {e('float')} {compare()} {e('int')})", lambda: f"({e('any')} {self.pick('==', '!=')} {e('any')})",
            lambda: f"({e('any')} {self.pick('in', 'not in')} {e('list')})", lambda: f"({e('str')} {self.pick('in', 'not in')} {e('str')})",
            lambda: f"(not {e('any')})", lambda: f"({e('any')} is {self.pick('', 'not ')}{test})",
            lambda: f"({e('str')}).{method}({self.pick(self.literal(), '(' + self.literal() + ', ' + repr('a') + ')')}{self.pick('', ', 1')})",
            lambda: f"({e('str')}).{query}()", lambda: f"({e('list')} {compare()} {e('list')})", lambda: f"({e('float')}).is_integer()",
        )()

    # Statements

    def space(self):
        return self.pick("", "", "\n", " ", "\n  ", "  \n\n", "x ", "\ty\n")

    def tag(self, text):
        return "{%" + self.pick("", "", "-", "+") + " " + text + " " + self.pick("", "", "-", "+") + "%}"

    def inside(self, opening, body):
        return self.tag(opening) + body + self.tag("end" + opening.split()[0])

    def body(self, depth=0, loop=False):
        return "".join(self.statement(depth, loop) + self.space() for _ in range(self.random.randint(1, 2)))

    def statement(self, depth, loop):
        e = self.expression
        name = f"x{self.local}"
        self.local += 1
        if depth > 2 or self.chance(0.45):
            return "{{" + self.pick("", "", "-") + " " + e() + " " + self.pick("", "", "-") + "}}"
        inner = lambda inside=False: self.space() + self.body(depth + 1, loop or inside)
        field = self.pick("index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0", "previtem",
                          "nextitem", "cycle('p', 'q')", "changed(" + name + ")")
        return self.pick(
            lambda: self.tag(f"if {e('bool')}") + inner() + self.pick("", self.tag(f"elif {e('bool')}") + inner())
            + self.pick("", self.tag("else") + inner()) + self.tag("endif"),
            lambda: self.tag(f"for {name} in {e('list')}") + "{{ " + name + " }}{{ loop." + field + " }}" + inner(True) + self.tag("endfor"),
            lambda: self.tag(f"for {name} in {e('list')} if {name} {self.pick('', 'is string', '!= 1')}") + inner(True)
            + "{{ loop.length }}" + self.tag("else") + inner() + self.tag("endfor"),
            lambda: self.tag(f"for {name}, {name}v in {e('dict')}.items()") + "{{ " + name + " }}={{ " + name + "v }}" + inner(True) + self.tag("endfor"),
            lambda: self.tag(f"for {name} in tree recursive") + "{{ loop.depth }}:{{ " + name + ".n }}[{{ loop(" + name + ".sub) }}]" + self.tag("endfor"),
            lambda: self.tag(f"for {name} in l1") + self.tag(f"if {name} > {self.random.randint(0, 3)}")
            + self.tag(self.pick("break", "continue")) + self.tag("endif") + inner(True) + self.tag("endfor"),
            lambda: self.tag(f"set {name} = {e()}") + "{{ " + name + " }}",
            lambda: self.tag(f"set {name}") + inner() + self.tag("endset") + "{{ " + name + " | trim }}",
            lambda: self.tag(f"set {name} | {self.pick('upper', 'trim', 'replace(' + repr('x') + ', ' + repr('y') + ')')}") + inner() + self.tag("endset") + "{{ " + name + " }}",
            lambda: self.tag(f"set ns{name} = namespace(v={e()})") + self.tag(f"for q in l1") + self.tag(f"set ns{name}.v = ns{name}.v ~ q") + self.tag("endfor") + "{{ ns" + name + ".v }}",
            lambda: self.tag(f"set {name}, {name}b = {e()}, {e()}") + "{{ " + name + "b }}",
            lambda: self.tag(f"macro m{name}(a, b={e()})") + "<{{ a }}|{{ b }}{{ varargs" + self.pick("", " | length") + " }}{{ kwargs }}>" + self.tag("endmacro")
            + "{{ m" + name + "(" + self.pick("1", "b=2", "1, 2, 3", "a=1, z=5", e() + ", b=" + e()) + ") }}",
            lambda: self.tag(f"macro m{name}(a)") + "<{{ a }}{{ caller(" + self.pick("", "1") + ") }}>" + self.tag("endmacro")
            + self.tag(f"call{self.pick('', '(p)')} m{name}({e()})") + inner() + self.tag("endcall"),
            # What is assigned in a condition stays, in a loop or a block it goes.
            lambda: self.tag(f"set {name} = {self.pick('1', repr('a'))}") + self.inside(
                self.pick("for q in [1, 2]", "if flag", "with q = 1", "filter trim"), self.tag(f"set {name} = {name} ~ 'b'") + "{{ " + name + " }}")
            + "{{ " + name + " }}",
            lambda: self.tag(f"for {name} in {e('list')}") + self.tag(f"set last = {name}") + self.tag("endfor") + "{{ last is defined }}{{ loop is defined }}",
            lambda: self.tag(f"for {name} in l1") + self.tag(f"for {name}b in l2") + "{{ loop.index }}/{{ loop.length }}"
            + self.tag(f"if loop.{self.pick('first', 'last')}") + self.tag(self.pick("break", "continue")) + self.tag("endif") + "{{ " + name + "b }}" + self.tag("endfor")
            + "{{ loop.index }}" + self.tag("else") + "none" + self.tag("endfor"),
            lambda: self.tag(f"for {name}, {name}b in {self.pick('d1 | dictsort', 'd1 | items', '[(1, 2), (3, 4)]', e('list'))}")
            + "{{ " + name + " }}:{{ " + name + "b }}{{ loop.changed(" + name + ") }};" + self.tag("endfor"),
            lambda: self.tag(f"macro m{name}(a, b=a)") + "{{ a }}{{ b }}{{ caller(a, b=b) if caller else '' }}{{ caller is defined }}" + self.tag("endmacro")
            + self.tag(f"call(x, b{self.pick('', '=1')}) m{name}({e()}{self.pick('', ', ' + e(), ', b=2', ', caller=1')})") + "{{ x }}|{{ b }}" + inner() + self.tag("endcall"),
            lambda: self.tag(f"macro m{name}(n)") + "{{ n }}" + self.tag("if n > 0") + "{{ m" + name + "(n - 1) }}" + self.tag("endif") + self.tag("endmacro") + "{{ m" + name + "(i2) | upper }}{{ m" + name + ".name }}",
            lambda: self.tag(f"set ns{name} = namespace(v=0, w={e()})") + self.tag("for q in l1") + self.tag("if q is odd") + self.tag(f"set ns{name}.v = ns{name}.v + q")
            + self.tag("endif") + self.tag("endfor") + "{{ ns" + name + ".v }}{{ ns" + name + "." + self.pick("w", "zz", "v") + " }}",
            lambda: self.tag("filter " + self.pick("upper", "trim", "indent(2)", "replace('a', 'b')", "e", "upper | trim")) + inner() + self.tag("endfilter"),
            lambda: self.tag(f"with {name} = {e()}, {name}c = 2") + "{{ " + name + " }}" + inner() + self.tag("endwith"),
            lambda: self.tag("generation") + inner() + self.tag("endgeneration"),
            lambda: self.pick("{% raw %}", "{%- raw -%}") + " {{ x }} {% if %}" + self.space() + self.tag("endraw"),
            lambda: "{#" + self.pick("", "-") + " comment " + self.pick("", "-") + "#}",
            lambda: self.tag(f"block b{name}") + inner() + self.tag("endblock"),
            lambda: self.tag("autoescape false") + "{{ " + e("str") + " }}{{ '<' }}" + self.tag("endautoescape"),
        )()

    def template(self):
        self.local = 0
        return self.space() + self.body()


def render(template, context):
    try:
        compiled = _compile_jinja_template(template)
        return {"output": compiled.render(**json.loads(json.dumps(context)))}
    except Exception as error:  # Whatever it is, the template does not render.
        return {"error": f"{type(error).__name__}: {error}"[:200]}


def is_stable(case):
    """Whether Python gives the same on every run, and nothing that this project leaves out on purpose."""
    text = case.get("output", "") + case.get("error", "")
    # Addresses, in any case, and integers beyond 64 bits.
    return not re.search(r"(?i) at 0.[0-9a-f]{6}|generator object|\d{19}|MemoryError", text)


def cases(seed):
    """Endlessly many cases."""
    number = 0
    while True:
        generator = Generator(f"{seed}.{number}")
        number += 1
        case = {"template": generator.template(), "context": generator.context()}
        case |= render(case["template"], case["context"])
        if is_stable(case):
            yield case


def sample(seed, count):
    """As many cases as that, a fifth of them templates that fail."""
    result, failing = [], 0
    for case in cases(seed):
        if "error" in case:
            if failing >= count // 5:
                continue
            failing += 1
        result.append(case)
        if len(result) == count:
            return result


if __name__ == "__main__":
    here = pathlib.Path(__file__).parent
    lines = ",\n".join(json.dumps(case) for case in sample("fixture", 300))
    (here / "generated.json").write_text(f"[\n{lines}\n]\n")

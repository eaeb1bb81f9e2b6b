import InferText
import TestSupport
import Testing

/// Numbers and texts at the edges, in everything that a template can call: the result is text or an error.
@Suite struct JinjaBoundaries {
  static let arguments: [JSONValue] = [
    .integer(.min), .integer(.max), -1, "é", LargeInteger("18446744073709551616").map(JSONValue.largeInteger) ?? nil,
  ]

  @Test(arguments: [" a\tb-c", .integer(.min), 1e308, [["a", 1]]] as [JSONValue])
  func everyCallTakesEveryPairOfEdges(_ x: JSONValue) throws {
    #expect(TemplateCalls.expressions.count > 350)
    for expression in TemplateCalls.expressions {
      let template = try ChatTemplate(source: "{{ \(expression) }}")
      let takesTwo = expression.contains("b")
      for a in Self.arguments {
        for b in takesTwo ? Self.arguments : [nil] { _ = TemplateCalls.render(template, x: x, a: a, b: b) }
      }
    }
  }

  // What Python gives, where it gives anything.
  @Test(arguments: [
    ("'a'.ljust(-9223372036854775807-1)", "a"), ("'a'.rjust(-1)", "a"), ("'a'.zfill(-9223372036854775807-1)", "a"),
    ("'a'.center(-9223372036854775807-1) ~ '.'", "a."), ("'-5'.zfill(4)", "-005"), ("'\t.'.expandtabs(-5)", "."),
    ("'abc'[:9223372036854775808]", "abc"), ("'abc'[-9223372036854775809:2]", "ab"),
    ("[1, 2, 3][::-9223372036854775807-1]", "[3]"),
    (
      "range(9223372036854775806, 9223372036854775807)|list",
      "[9223372036854775806]"
    ),
    ("'ab' * -9223372036854775809", ""), ("'ab'.split('b', 9223372036854775807)", "['a', '']"),
    ("'ab'.find('b', -9223372036854775807-1, 9223372036854775807)", "1"), ("'ab'|indent(-5)", "ab"),
    ("'abc'|truncate(9223372036854775807)", "abc"), ("1.5|round(9223372036854775807)", "1.5"),
  ])
  func extremesAreAsInPython(_ expression: String, _ expected: String) throws {
    #expect(try ChatTemplate(source: "{{ \(expression) }}").render(messages: []) == expected)
  }

  /// Each of these would make a text, or work, without bounds of a short template.
  @Test(arguments: [
    "'\t'.expandtabs(10 ** 12)", "'\t'.expandtabs(9223372036854775807)", "'a'|indent(10 ** 12, true)",
    "'a'.ljust(10 ** 15, '雞')", "('%(a)s' * 100000) % {'a': 'x' * 1000000}",
    "range(100000)|list|tojson(separators=['x' * 100000, ':'])", "[[[[1]]]]|tojson(indent=10 ** 12)",
    "range(100000)|list|tojson(indent=100000)", "('%A' * 10000000)|string|length and strftime_now('%c' * 9000000)",
    "'a'.ljust(9223372036854775808)", "'abc'|truncate(9223372036854775808)",
  ])
  func nothingGrowsWithoutBounds(_ expression: String) throws {
    let template = try ChatTemplate(source: "{{ \(expression) }}")
    #expect(throws: TemplateError.self) { try template.render(messages: []) }
  }

  @Test func namesHaveALimit() throws {
    let name = String(repeating: "x", count: 1000)
    #expect(try ChatTemplate(source: "{% set \(name) = 1 %}{{ \(name) }}").render(messages: []) == "1")
    #expect(throws: TemplateError.self) { try ChatTemplate(source: "{{ \(name)x }}") }
  }

  /// Calls that go through a long text, or make one, cost by its length however often they are made.
  @Test(arguments: [
    "x|length", "x is sequence", "{x: 1}", "d[x]", "d.get(x)", "x in d", "d|dictsort", "[x, x]|sort",
    "[x, x]|unique|list",
    "[x, x]|min", "'a'.find(x)", "'a'.replace(x, '')", "'a'|replace(x, '')", "x == y", "x is sameas y", "x[1:2]",
    "x[1]",
    "'%s' % x", "'{}'.format(x)", "x.isascii()", "x is filter", "x is upper", "x|tojson", "x ~ ''",
    "[d]|map(attribute=x)|list", "[1][x]", "x[x]", "none is filter or namespace(v=1)[x]",
    "[1][d]", "x.format()", "x|float", "x|int", "'a' == [l]",
  ])
  func longTextsArePaidFor(_ expression: String) throws {
    let setting =
      "{% set x = 'x' * 1000000 %}{% set y = 'x' * 999999 + 'x' %}{% set d = {x: x, 'a': x} %}"
      + "{% set l = range(100000)|list %}"
    let template = try ChatTemplate(source: setting + TemplateCalls.repeated(expression))
    let error = #expect(throws: TemplateError.self) { try template.render(messages: []) }
    #expect(error?.description.contains("more work than is allowed") == true)
  }
}

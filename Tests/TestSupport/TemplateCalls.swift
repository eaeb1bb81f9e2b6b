public import InferText

/// Expressions that call everything a template can call, with up to two arguments. The names come from the renderer's
/// own tables, so that whatever is added to those is tried too.
public enum TemplateCalls {
  /// Expressions over the variables `x`, `a` and `b`.
  public static let expressions: [String] = {
    let arguments = ["", "(a)", "(a, b)"]
    var expressions = JinjaNames.filters.flatMap { name in arguments.map { "x|\(name)\($0)" } }
    expressions += JinjaNames.tests.flatMap { name in arguments.map { "x is \(name)\($0)" } }
    expressions += JinjaNames.methods.flatMap { name in ["()", "(a)", "(a, b)"].map { "x.\(name)\($0)" } }
    expressions += JinjaNames.functions.flatMap { name in ["()", "(a)", "(a, b)", "(x, a, b)"].map { name + $0 } }
    expressions += JinjaNames.operators.map { "x \($0) a" }
    return expressions + [
      "x[a]", "x[a:b]", "x[:a:b]", "x[a::b]", "-x", "+x", "not x", "x if a else b", "[x, a, b]|sort",
      "[x, a]|sum(start=b)",
      "{x: a}[b]", "x == [a, b]", "'%*d' % (a, x)", "'%.*f' % (a, x)", "'%*.*s' % (a, b, x)",
      "'%c%x%o%e%d' % (a, a, b, x, b)",
      "'{:{}}'.format(x, a)", "'{:{}.{}}'.format(x, a, b)", "'{0[1]}{:,}'.format(x)",
      "x|tojson(indent=a, separators=[b, b])",
      "x|truncate(a, true, b, a)", "x|round(a, 'ceil')", "x|round(a, 'floor')",
      "x|int(a, b)",
      "x|replace(x, a, b)", "x.replace('', 'ab', a)", "x.find('a', a, b)", "x.count('a', a, b)",
      "x.startswith('', a, b)",
      "range(a, b, x)|list", "dict(a=x, b=b)|dictsort(by=a)", "strftime_now(x)",
      "namespace(v=x).v", "[x]|map(a, b)|list",
      "[x, a]|select(b, x)|list", "[x, a, b]|join(x)", "x * a", "[x] * a", "(x, a) * b",
    ]
  }()

  /// Values at the edges of what calls take, as a template writes them.
  public static let edges = [
    "0", "1", "-1", "7", "9223372036854775807", "(-9223372036854775807 - 1)", "9223372036854775808", "2147483648",
    "-2147483649", "65536", "1000000", "100000000000", "(10 ** 18)", "1e308", "-1e308", "1e999", "(1e999 - 1e999)",
    "5e-324", "-0.0", "0.5", "''", "'a'", "' a\\tb-c '", "'e\\u0301'", "'%*d'", "'{:9}'", "'x' * 70000", "true", "none",
    "missing", "[]", "[1, 'a']", "(1,)", "{}", "{'a': 1}", "range(3)", "range", "namespace(v=1)",
  ]
}

extension TemplateCalls {
  /// Statements that evaluate an expression until the template's budget is used up, ten billion times at most.
  public static func repeated(_ expression: String) -> String {
    "{% for i in range(100000) %}{% for j in range(100000) %}{% set y = \(expression) %}{% endfor %}{% endfor %}"
  }

  /// Renders an expression for values of its variables; nil when it fails, as it may.
  public static func render(_ template: ChatTemplate, x: JSONValue, a: JSONValue, b: JSONValue) -> String? {
    try? template.render(messages: [], variables: ["x": x, "a": a, "b": b])
  }
}

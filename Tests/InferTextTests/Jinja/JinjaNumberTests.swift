import InferText
import Testing

/// Integers of any size keep their digits in templates. The expected texts are Python's.
@Suite struct JinjaLargeIntegers {
  private func render(_ source: String, _ variables: JSONObject = [:]) throws -> String {
    try ChatTemplate(source: source).render(messages: [], variables: variables)
  }

  @Test(arguments: ["18446744073709551615", "-9223372036854775809", "123456789012345678901234567890"])
  func printWithAllDigits(_ digits: String) throws {
    let variables: JSONObject = ["n": try JSONValue(parsing: digits)]
    #expect(
      try render("{{ n }} {{ n|string }} {{ n|tojson }} {{ [n] }} {{ {'a': n}|tojson }} {{ n|int }}", variables)
        == "\(digits) \(digits) \(digits) [\(digits)] {\"a\": \(digits)} \(digits)")
    #expect(
      try render("{{ '%d' % n }} {{ '{}'.format(n) }} {{ '%s' % n }} {{ n ~ '' }} {{ '\(digits)'|int }}", variables)
        == "\(digits) \(digits) \(digits) \(digits) \(digits)")
    #expect(try render("{{ n is integer }} {{ n is number }} {{ n is float }}", variables) == "True True False")
    #expect(try render("{{ -n }} {{ - -n }}", variables).hasSuffix(" \(digits)"))
  }

  @Test(arguments: [
    ("18446744073709551615 == 18446744073709551615.0", "False"),
    ("18446744073709551616 == 18446744073709551616.0", "True"),
    ("18446744073709551615 < 18446744073709551616", "True"), ("-18446744073709551616 < 5", "True"),
    ("9007199254740993 == 9007199254740992.0", "False"), ("9007199254740993 > 9007199254740992.0", "True"),
    ("9223372036854775807 < 9223372036854775808", "True"), ("9223372036854775808 < 1e999", "True"),
    ("-9223372036854775808", "-9223372036854775808"), ("- -9223372036854775808", "9223372036854775808"),
    ("-9223372036854775808 == -9223372036854775807 - 1", "True"),
    ("18446744073709551615 in [1, 18446744073709551615]", "True"),
    ("{18446744073709551616: 'a'}[18446744073709551616.0]", "a"),
    ("[18446744073709551616, 3]|sort", "[3, 18446744073709551616]"),
    ("-18446744073709551616|abs", "18446744073709551616"),
    ("18446744073709551616 / 2", "9.223372036854776e+18"), ("18446744073709551616 * 1.0", "1.8446744073709552e+19"),
    ("'{:,}'.format(18446744073709551616)", "18,446,744,073,709,551,616"),
    ("'%d' % 1e30", "1000000000000000019884624838656"),
    ("1e30|int", "1000000000000000019884624838656"), ("18446744073709551616|round", "18446744073709551616"),
    ("18446744073709551616|float", "1.8446744073709552e+19"),
    ("18446744073709551616 is sameas 18446744073709551616", "True"),
  ])
  func compareAndConvert(_ expression: String, _ expected: String) throws {
    #expect(try render("{{ \(expression) }}") == expected)
  }

  @Test(arguments: ["18446744073709551616 + 1", "18446744073709551616 % 2", "9223372036854775807 * 2", "2 ** 64"])
  func areNotCalculatedWith(_ expression: String) throws {
    #expect(throws: TemplateError.self) { try render("{{ \(expression) }}") }
  }
}

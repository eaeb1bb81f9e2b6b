import Foundation
import InferText
import TestSupport
import Testing

/// A template comes from a stranger: whatever it does, rendering ends soon, in an error or in text.
@Suite struct JinjaLimits {
  static let doubling = "{% set ns = namespace(x=START) %}{% for i in range(200) %}{% set ns.x = STEP %}{% endfor %}"

  @Test(arguments: [
    "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "{% macro f() %}{% for x in [1] %}{% if x %}{% call f() %}{% endcall %}{% endif %}{% endfor %}{% endmacro %}{{ f() }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}x{% endfor %}{% endfor %}{% endfor %}",
    "{{ 'x' * 10 ** 15 }}", "{{ [0] * 10 ** 15 }}", "{{ ('x' * 1000000).replace('', 'y' * 1000000) }}",
    "{{ ('x' * 1000000) | replace('x', 'y' * 1000000) }}", "{{ 'x'.center(10 ** 12) }}", "{{ '%999999d' % 1 }}",
    "{{ range(10 ** 18) }}", "{{ range(-9223372036854775807, 9223372036854775807, 1) }}",
    "{{ 9223372036854775807 + 1 }}",
    "{{ -9223372036854775807 - 2 }}", "{{ 2 ** 64 }}", "{{ (0 - 9223372036854775807 - 1) // -1 }}",
    "{{ 10 ** 18 * 10 ** 18 }}",
    "{{ '{9999999999999999999}'.format(1) }}", "{{ 'x' | indent(10 ** 12) * 10 ** 9 }}",
    doubling.replacingOccurrences(of: "START", with: "'x'").replacingOccurrences(of: "STEP", with: "ns.x + ns.x"),
    doubling.replacingOccurrences(of: "START", with: "'x'").replacingOccurrences(of: "STEP", with: "ns.x ~ ns.x"),
    doubling.replacingOccurrences(of: "START", with: "[1]").replacingOccurrences(of: "STEP", with: "ns.x + ns.x"),
    doubling.replacingOccurrences(of: "START", with: "[1]").replacingOccurrences(of: "STEP", with: "[ns.x, ns.x]"),
    doubling.replacingOccurrences(of: "START", with: "{}").replacingOccurrences(of: "STEP", with: "{1: ns.x, 2: ns.x}"),
    "{% set ns = namespace(x=1) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
  ])
  func worksOnlySoMuch(_ source: String) {
    #expect(throws: TemplateError.self) { try ChatTemplate(source: source).render(messages: []) }
  }

  @Test(arguments: [
    "(", "[", "{1:", "not ", "-", "x[", "f(", "x if ", "x.", "x|f(", "{% if x %}", "{% for i in x %}", "{% set x %}",
  ])
  func nestsOnlySoDeep(_ opening: String) {
    let nested = String(repeating: opening, count: 3_000)
    #expect(throws: TemplateError.self) { try ChatTemplate(source: opening.hasPrefix("{%") ? nested : "{{ " + nested) }
  }

  @Test(arguments: [
    " + 1", " ~ 1", " and 1", " or 1", ".a", "[0]", "|abs", "|d(1)", " if 1", " is defined", "()", " * 1", " ** 1",
  ])
  func chainsAreShortOrFlat(_ link: String) {
    let chain = "{{ 1" + String(repeating: link, count: 3_000) + " }}"
    _ = try? ChatTemplate(source: chain).render(messages: [])
  }

  /// Two mebibytes is the least that a thread has by default on Linux; optimised code needs an eighth of that.
  @Test func recursionFitsASmallStack() async throws {
    let source =
      "{% macro f(n) %}{% for x in [1] %}{% if n %}{{ [f(n - 1)] | join }}{% endif %}{% endfor %}{% endmacro %}{{ f(9999) }}"
    let template = try ChatTemplate(source: source)
    let error = await withCheckedContinuation { continuation in
      let thread = Thread {
        let result = Result { () throws(TemplateError) in try template.render(messages: []) }
        continuation.resume(returning: result)
      }
      thread.stackSize = 2 << 20
      thread.start()
    }
    #expect(error == .failure(.evaluation(line: 1, reason: "nested or recursing too deeply")))
  }

  @Test func errorsTellTheLine() {
    let syntax = #expect(throws: TemplateError.self) {
      try ChatTemplate(source: "a\n{% if x %}\n{{ 1 + }}\n{% endif %}")
    }
    #expect(syntax == .syntax(line: 3, reason: "expected an expression, found '}}'"))
    let unclosed = #expect(throws: TemplateError.self) { try ChatTemplate(source: "a\n{% if x %}\n\n") }
    #expect(
      unclosed
        == .syntax(
          line: 3, reason: "expected '{% elif %}' or '{% else %}' or '{% endif %}', found the end of the template"))
    let source = "{#\n\n#}{% macro m() %}\n\n{% endmacro %}\n{% set x = m() %}\n{{ x.y.z }}"
    let evaluation = #expect(throws: TemplateError.self) { try ChatTemplate(source: source).render(messages: []) }
    #expect(evaluation == .evaluation(line: 7, reason: "'str object' has no attribute 'y'"))
    let raised = #expect(throws: TemplateError.self) {
      try ChatTemplate(source: "{{ raise_exception('Roles must alternate') }}").render(messages: [])
    }
    #expect(raised == .raised("Roles must alternate"))
    #expect(raised?.description == "Roles must alternate")
  }

  /// Real templates, damaged at random, render or fail.
  @Test func damageNeverTraps() throws {
    var random = SeededGenerator(seed: 6)
    let file = try TextFixtures.json(ChatTemplateReference.bundled.appending(path: "expected.json"))
    let conversation = try #require(file["cases"]?["tool_result"])
    let fragments = [
      "{%", "%}", "{{", "}}", "-", "(", ")", "[", "]", "'", "\"", "|", ".", "if", "for", "endif", "none", "1", ",", "=",
      "messages", "\\", "{#",
    ]
    for name in try #require(file["expected"]).keys {
      let url = ChatTemplateReference.bundled.appending(path: "\(name).jinja")
      let original = Array(try String(contentsOf: url, encoding: .utf8).unicodeScalars)
      for _ in 0..<12 {
        var damaged = original
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          let place = Int.random(in: 0..<damaged.count, using: &random)
          let end = min(damaged.count, place + Int.random(in: 0...6, using: &random))
          damaged.replaceSubrange(
            place..<end, with: Array((fragments.randomElement(using: &random) ?? "").unicodeScalars))
        }
        var source = String.UnicodeScalarView()
        source.append(contentsOf: damaged)
        _ = try? ChatTemplate(source: String(source)).render(
          messages: conversation["messages"] ?? [], tools: conversation["tools"])
      }
    }
  }
}

import InferText
import Testing

struct TemplateLimitTests {
  private let template = "{% for i in range(1000) %}{{ 'x' * 100 }}{% endfor %}"

  private func length(_ source: String, limit: Int) throws -> Int {
    try ChatTemplate(source: source).prompt(messages: [], byteLimit: limit).text.utf8.count
  }

  @Test func renderingStopsWhenTheTextIsTooLong() throws {
    #expect(try length(template, limit: 100_000) == 100_000)
    #expect(throws: TemplateError.tooLong(limit: 99_999)) { try length(template, limit: 99_999) }
    // Long before the work would be.
    let endless = "{% for i in range(100000) %}{{ 'x' * 100 }}{% endfor %}"
    #expect(throws: TemplateError.tooLong(limit: 500)) { try length(endless, limit: 500) }
  }

  @Test func textThatIsNotPrintedDoesNotCount() throws {
    #expect(try length("{% set text %}\(template){% endset %}{{ text | length }}", limit: 10) == 6)
  }
}

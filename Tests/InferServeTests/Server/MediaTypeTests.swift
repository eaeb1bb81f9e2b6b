import HTTPTypes
import Testing

@testable import infer_serve

struct MediaTypeTests {
  @Test(arguments: [
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true), ("text/html", true),
    ("TEXT/*;q=0.2", true), ("application/json;q=0.5, text/html ; q=0.6", true), ("*/*", false), ("", false),
    ("application/json", false), ("text/html, application/json", false), ("text/html;q=0, */*", false),
    ("text/html;q=0.5, */*;q=0.8", false), ("text/html;q=x", false), (",;,q=1", false),
  ])
  func pagesAreForThoseWhoPreferThem(accept: String, prefersPage: Bool) {
    #expect(MediaType.prefers("text/html", to: "application/json", [.accept: accept]) == prefersPage)
  }

  @Test func whoSaysNothingPrefersNothing() {
    #expect(!MediaType.prefers("text/html", to: "application/json", [:]))
  }
}

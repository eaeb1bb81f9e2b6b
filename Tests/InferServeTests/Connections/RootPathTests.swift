import Testing

@testable import infer_serve

struct RootPathTests {
  @Test(arguments: [
    ("/llm/v1/models", "/v1/models"), ("/llm", "/"), ("/llm/", "/"), ("/llm?x=1", "/?x=1"), ("/llm/?x=1", "/?x=1"),
    ("/llmx/v1", "/llmx/v1"), ("/v1/models", "/v1/models"), ("/", "/"), ("", ""), ("/x/llm/y", "/x/llm/y"),
    ("/llm/llm/x", "/llm/x"),
  ])
  func thePathIsTakenOffOnce(target: String, rest: String) throws {
    for text in ["/llm", "/llm/"] { #expect(try #require(RootPath(text)).removed(from: target) == rest) }
    #expect(RootPath.none.removed(from: target) == target)
  }

  @Test(arguments: ["llm", "/a?b", "/a#b", "//a", "/a//b", "/a b", "", "/é"]) func otherTextsAreNoPaths(text: String) {
    #expect(RootPath(text) == nil)
  }

  @Test func aSlashIsNone() { #expect(RootPath("/") == RootPath.none) }
}

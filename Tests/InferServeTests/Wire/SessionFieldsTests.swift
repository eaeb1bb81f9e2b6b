import Foundation
import InferCore
import InferText
import TestSupport
import Testing

@testable import infer_serve

@Suite struct SessionFieldsTests {
  @Test(arguments: ["a", "lesson-1", "A_b.c", "x..", String(repeating: "n", count: 128)])
  func namesAreLettersDigitsAndThreeSigns(name: String) { #expect(SessionFields.isName(name)) }

  @Test(arguments: [
    "", ".", "..", ".hidden", "a/b", "../a", "/a", "a\\b", "a b", "a\0", "a\n", "é", "ａ", "a:b", "a@b", "~", "%2e",
    String(repeating: "n", count: 129),
  ])
  func otherNamesAreNone(name: String) {
    #expect(!SessionFields.isName(name))
    #expect(throws: APIError.self) { try SessionFields.check(name, "id") }
  }

  /// Sessions of slots are never those of a name.
  @Test func aSlotIsNoName() {
    let name = SessionFields.slotName(3)
    #expect(!SessionFields.isName(name) && name != SessionFields.slotName(4))
  }

  @Test func filesOfSaltsAreApart() {
    let folder = SessionFolder(url: URL(filePath: "/s"))
    let files = [CacheScope.shared, CacheScope(salt: [1]), CacheScope(salt: [2])].map {
      folder.file(of: "a", in: $0).path
    }
    #expect(Set(files).count == 3 && files[0] == "/s/a.session")
    #expect(files.allSatisfy { $0.hasPrefix("/s/a") && $0.hasSuffix(".session") })
    let owned = SessionFolder(url: folder.url, owner: "anna")
    #expect(owned.file(of: "a", in: .shared).path == "/s/anna~a.session")
  }

  @Test func everyReasonHasItsStatusAndNoPath() {
    let url = URL(filePath: "/secret/a.session")
    let errors: [(StateFileError, Int)] = [
      (.missing(at: url), 404), (.unreadable(at: url, reason: "r"), 500),
      (.damaged(at: url, reason: "r"), 422), (.foreign(at: url, difference: "d"), 409),
      (.otherScope(at: url), 409), (.nothingKept, 409), (.outOfMemory, 503), (.unsupported(reason: "r"), 400),
      (.shutdown, 503),
    ]
    for (error, status) in errors {
      let told = APIError(error, session: "a")
      #expect(told.status == status && !told.message.contains("secret"))
    }
  }
}

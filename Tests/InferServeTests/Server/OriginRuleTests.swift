import HTTPTypes
import Hummingbird
import NIOCore
import Testing

@testable import infer_serve

/// Which pages may use the server.
@Suite struct OriginRuleTests {
  private let local = OriginRule(names: [], isLoopback: true)
  private let named = OriginRule(names: ["https://Chat.example", "app://obsidian.md"], isLoopback: false)

  private func request(
    _ method: HTTPRequest.Method = .get, from origin: String?, host: String = "model.example:8080",
    _ fields: HTTPFields = [:]
  ) -> Request {
    var head = HTTPRequest(method: method, scheme: "http", authority: host, path: "/v1/models", headerFields: fields)
    head.headerFields[.origin] = origin
    return Request(head: head, body: RequestBody(buffer: ByteBuffer()))
  }

  private func admitted(_ rule: OriginRule, _ origin: String?, host: String = "model.example:8080") -> String? {
    var headers = HTTPFields()
    rule.admit(request(from: origin, host: host), to: &headers)
    return headers[.accessControlAllowOrigin]
  }

  @Test(arguments: ["http://localhost:5173", "http://app.localhost", "http://127.0.0.2:1", "https://[::1]:8443"])
  func pagesOfThisMachineMayUseItsServer(origin: String) {
    #expect(admitted(local, origin) == origin && admitted(named, origin) == nil)
  }

  @Test(arguments: [
    "http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://evil.example", "null", "http://[::1", "",
    "localhost", "http://192.168.1.5",
  ])
  func othersMayNot(origin: String) {
    #expect(admitted(local, origin) == nil && admitted(named, origin) == nil)
  }

  @Test func namesAreTakenInAnyCaseAndWhole() {
    for origin in ["https://chat.example", "https://CHAT.example", "app://obsidian.md"] {
      #expect(admitted(named, origin) == origin)
    }
    for origin in ["http://chat.example", "https://chat.example:8443", "https://chat.example.evil"] {
      #expect(admitted(named, origin) == nil)
    }
    #expect(admitted(OriginRule(names: ["*"], isLoopback: false), "http://evil.example") == "*")
    #expect(admitted(OriginRule(names: ["null"], isLoopback: false), "null") == "null")
  }

  /// The server's own pages need no leave, by whatever name it is known.
  @Test func ownPagesAreNotForeign() throws {
    let form: HTTPFields = [.contentType: "application/x-www-form-urlencoded"]
    let own = request(.post, from: "https://Model.example:8080", form)
    #expect(try named.answer(own) == nil && admitted(named, "https://model.example:8080") == nil)
    #expect(throws: APIError.self) { try named.answer(request(.post, from: "https://model.example", form)) }
  }

  @Test func browsersAreAnswered() throws {
    let question: HTTPFields = [
      .accessControlRequestMethod: "POST", .accessControlRequestHeaders: "authorization,x-stainless-os",
    ]
    let answer = try #require(try named.answer(request(.options, from: "https://chat.example", question)))
    #expect(answer.status == .noContent && answer.headers[.accessControlAllowMethods] == "POST")
    #expect(answer.headers[.accessControlAllowHeaders] == "authorization,x-stainless-os")
    #expect(throws: APIError.self) { try named.answer(request(.options, from: "http://evil.example", question)) }
    // Endpoints answer other requests.
    #expect(try named.answer(request(.options, from: "https://chat.example")) == nil)
    #expect(try named.answer(request(.options, from: nil, question)) == nil)
  }

  @Test(arguments: [nil, "text/plain", "Text/Plain; charset=utf-8", "multipart/form-data; boundary=x"])
  func whatIsSentUnaskedIsRefused(type: String?) throws {
    var fields = HTTPFields()
    fields[.contentType] = type
    #expect(throws: APIError.self) { try local.answer(request(.post, from: "http://evil.example", fields)) }
    #expect(try local.answer(request(.post, from: nil, fields)) == nil)
    #expect(try local.answer(request(.post, from: "http://localhost:3000", fields)) == nil)
    // Only programs send these with a foreign origin, and browsers show pages nothing of what they get.
    #expect(try local.answer(request(.post, from: "http://evil.example", [.contentType: "application/json"])) == nil)
    #expect(try local.answer(request(.get, from: "http://evil.example", fields)) == nil)
  }

  @Test(arguments: [
    ("https://chat.example", true), ("http://[::1]:80", true), ("app://obsidian.md", true), ("null", true),
    ("*", true), ("chat.example", false), ("https://", false), ("://x", false), ("https://x/", false),
    ("https://x y", false),
    ("", false),
  ])
  func namesHaveASchemeAndAHost(name: String, isOne: Bool) {
    #expect(OriginRule.isName(name) == isOne)
  }
}

import InferCore
import Testing

@testable import infer_serve

/// What becomes of requests to the engine under a key.
struct GrantTests {
  private func grant(_ name: String, salt: String? = nil, priority: Int = 0, models: [String]? = nil) -> Grant {
    var key = APIKey(name: name, digest: KeyDigest(of: name))
    (key.cacheSalt, key.priority, key.models) = (salt, priority, models)
    return Grant(key: key)
  }

  private func request(salt: String = "", priority: Int = 0, client: String? = nil) -> GenerationRequest {
    let scope = CacheScope(salt: Array(salt.utf8))
    var request = GenerationRequest(prompt: [1], cacheScope: scope, priority: priority, client: client)
    request.session = SessionName("s", in: scope)
    return request
  }

  @Test func nobodyRaisesThePriority() {
    let grant = grant("x", priority: 5)
    #expect([0, 5, 9].map { grant.restrict(request(priority: $0)).priority } == [5, 5, 9])
    #expect(Grant.anonymous.restrict(request(priority: 3)).priority == 3)
  }

  /// No two of key's salt and request's salt come to the same scope.
  @Test func saltsOfKeysAndOfRequestsAreApart() {
    var scopes: Set<CacheScope> = []
    let salts = [nil, "", "a", "ab", "b", "\u{ff}", "a\u{ff}"]
    for own in salts {
      for asked in ["", "a", "b", "ab", "\u{ff}a", "ÿaÿ"] {
        let restricted = grant("x", salt: own).restrict(request(salt: asked))
        #expect(restricted.session?.scope == restricted.cacheScope)
        scopes.insert(restricted.cacheScope ?? .shared)
      }
    }
    #expect(scopes.count == salts.count * 6)
    // The same salt is shared, by whatever keys.
    #expect(grant("x", salt: "a").scope(.shared) == grant("y", salt: "a").scope(.shared))
    var unshared = request()
    unshared.cacheScope = nil
    #expect(grant("x", salt: "a").restrict(unshared).cacheScope == nil)
  }

  @Test func clientsAndSessionsAreTheKeysOwn() {
    let (one, other) = (grant("x").restrict(request(client: "u")), grant("y").restrict(request(client: "u")))
    #expect(one.client != other.client && one.session != other.session)
    #expect(Grant.anonymous.restrict(request(client: "u")).client == "u")
    // Who invents users is one client all the same.
    #expect(grant("x").restrict(request(client: "v")).client == one.client)
    let session = grant("x").session("s", in: .shared)
    #expect(session == one.session && grant("x").name(of: session) == "s")
    #expect(grant("y").name(of: session) == nil && grant("x").name(of: SessionName("s")) == nil)
    #expect(!SessionFields.isName(Grant.anonymous.name(of: session) ?? ""))
  }

  @Test func modelsAreAllowedByAnyOfTheirNames() throws {
    let grant = grant("x", models: ["alias", "other"])
    try grant.check(models: ["m", "alias"])
    #expect(throws: APIError.modelNotAllowed("m")) { try grant.check(models: ["m", "Alias"]) }
    #expect(!self.grant("x", models: []).allows(["m"]))
    #expect(self.grant("x").allows(["m"]) && Grant.anonymous.allows(["m"]))
  }
}

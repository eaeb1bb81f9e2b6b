import Foundation
import HTTPTypes
import InferText
import TestSupport
import Testing

@testable import infer_serve

/// Files of keys, and the keys that come of them.
struct KeyFileTests {
  private static let digest = KeyDigest(of: "sk-1").hexadecimal

  private func complaint(_ json: String) throws -> String? {
    let document = try JSONValue(parsing: Array(json.utf8))
    return refusal { () throws(APIError) in try KeyFile.keys(document) }?.message
  }

  /// FIPS 180-4's example.
  @Test func aDigestIsTheSHA256OfTheKey() {
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    let digest = KeyDigest(of: "abc")
    #expect(digest.hexadecimal == known && digest == KeyDigest(hexadecimal: known.uppercased()))
    #expect(KeyDigest(of: "abd") != KeyDigest(of: "abc"))
    for text in ["", "ba", known + "00", String(known.dropLast()) + "g", String(known.dropLast(2)) + "é"] {
      #expect(KeyDigest(hexadecimal: text) == nil)
    }
  }

  @Test func whatIsWrittenIsRead() throws {
    var key = APIKey(name: "anna-1", digest: KeyDigest(of: "sk-1"))
    key.created = Date(timeIntervalSince1970: 1_700_000_000)
    key.expires = Date(timeIntervalSince1970: 1_800_000_000)
    key.scopes = [.metrics, .cache]
    key.limits = KeyLimits(requestsPerMinute: 1, tokensPerMinute: 2, maxConcurrency: 3)
    (key.models, key.priority, key.cacheSalt) = (["a/b"], 7, "鹽")
    let keys = [key, APIKey(name: "b", digest: KeyDigest(of: "sk-2"))]
    let folder = try TemporaryFolder()
    #expect(try KeyFile.read(folder.write("keys.json", KeyFile.text(keys))) == keys)
    withExtendedLifetime(folder) {}
  }

  @Test func aKeyMayInferUnlessToldOtherwise() throws {
    let keys = try KeyFile.keys(["keys": [["name": "x", "sha256": .string(Self.digest)]]])
    #expect(keys[0].scopes == [.inference] && keys[0].limits == KeyLimits() && keys[0].models == nil)
    #expect(!keys[0].isExpired(at: .distantFuture))
  }

  /// D and E stand for digests, N for a key's name and its digest.
  @Test(arguments: [
    (#"[]"#, "object"), (#"{}"#, "keys"), (#"{"keys": 1}"#, "keys must be an array"),
    (#"{"keys": [], "x": 1}"#, "x is not known"),
    (#"{"keys": [1]}"#, "keys[0] must be an object"), (#"{"keys": [{"sha256": "D"}]}"#, "keys[0].name"),
    (#"{"keys": [{"name": "a/b", "sha256": "D"}]}"#, "keys[0].name must have 1 to 64 letters"),
    (#"{"keys": [{"name": "api-key#1", "sha256": "D"}]}"#, "keys[0].name must have"),
    (#"{"keys": [{"name": "a", "sha256": "sk-1"}]}"#, "64 hexadecimal digits"),
    (#"{"keys": [{N, "requests_per_minut": 1}]}"#, "keys[0].requests_per_minut is not known"),
    (#"{"keys": [{N, "requests_per_minute": 0}]}"#, "between 1 and"),
    (#"{"keys": [{N, "tokens_per_minute": 1e30}]}"#, "keys[0].tokens_per_minute"),
    (#"{"keys": [{N, "scopes": ["all"]}]}"#, "'inference', 'metrics', 'cache' or 'admin', not 'all'"),
    (#"{"keys": [{N, "expires": "2030-01-01"}]}"#, "like 2027-01-31T00:00:00Z, not '2030-01-01'"),
    (#"{"keys": [{N, "models": "m"}]}"#, "keys[0].models must be an array"),
    (#"{"keys": [{N, "priority": -1}]}"#, "keys[0].priority"),
    (#"{"keys": [{N}, {"name": "a", "sha256": "E"}]}"#, "keys[1].name is 'a', as another key's"),
    (#"{"keys": [{N}, {"name": "b", "sha256": "D"}]}"#, "keys[1].sha256 is another key's"),
  ])
  func whatIsWrongIsNamed(json: String, message: String) throws {
    let other = KeyDigest(of: "sk-2").hexadecimal
    let json = json.replacing("N", with: #""name": "a", "sha256": "D""#).replacing(#""D""#, with: "\"\(Self.digest)\"")
      .replacing(#""E""#, with: "\"\(other)\"")
    let complaint = try #require(try complaint(json))
    #expect(complaint.contains(message), "\(complaint)")
  }

  @Test func momentsHaveOffsetsAndFractions() {
    let moment = Date(timeIntervalSince1970: 1_800_000_000)
    for text in ["2027-01-15T08:00:00Z", "2027-01-15T10:00:00+02:00", "2027-01-15T08:00:00.000Z"] {
      #expect(Timestamp.date(text) == moment, "\(text)")
    }
    for text in [
      "", "2027-01-15", "2027-01-15T08:00:00", "2027-13-15T08:00:00Z", "1800000000", "20270-01-15T08:00:00Z",
      "999999999999999-01-15T08:00:00Z", "-2027-01-15T08:00:00Z",
      "2027-01-15T08:00:00Z" + String(repeating: "0", count: 99),
    ] {
      #expect(Timestamp.date(text) == nil, "\(text)")
    }
  }

  @Test func aRingFollowsItsFileAndNothingDamaged() throws {
    let folder = try TemporaryFolder()
    var key = APIKey(name: "x", digest: KeyDigest(of: "sk-1"))
    let file = try folder.write("keys.json", KeyFile.text([key]))
    let ring = try KeyRing([APIKey(name: "fixed#1", digest: KeyDigest(of: "sk-0"))], file: file)
    #expect(ring.find(["sk-1"])?.key == key && ring.find(["sk-0"]) != nil && ring.find(["sk-2", ""]) == nil)
    #expect(ring.find(["nonsense", "sk-1"])?.key == key && ring.find([]) == nil)
    let usage = ring.find(["sk-1"])?.usage
    try folder.write("keys.json", "{")
    #expect(throws: CommandFailure.self) { try ring.reload() }
    #expect(ring.find(["sk-1"])?.key == key)
    key.limits.maxConcurrency = 1
    try folder.write("keys.json", KeyFile.text([key]))
    try ring.reload()
    #expect(ring.find(["sk-1"])?.key == key && ring.find(["sk-1"])?.usage === usage)
    try folder.write("keys.json", KeyFile.text([]))
    try ring.reload()
    #expect(ring.find(["sk-1"]) == nil && ring.find(["sk-0"]) != nil)
    withExtendedLifetime(folder) {}
  }

  /// A pipe nobody writes to would be waited for, and a device never ends.
  @Test(arguments: [
    ("folder", "is a directory"), ("pipe", "it is a pipe"),
    ("/dev/zero", "more than 16777216 bytes"), ("none", "no such file or directory"),
    ("large", "more than 16777216 bytes"),
    ("bytes", "not valid JSON"), ("empty", "not valid JSON"), ("nested", "not valid JSON"),
  ])
  func whatIsNoFileOfKeysIsRefused(what: String, message: String) throws {
    let folder = try TemporaryFolder()
    let file = what.hasPrefix("/") ? URL(filePath: what) : folder.url.appending(path: what)
    switch what {
    case "folder": try FileManager.default.createDirectory(at: file, withIntermediateDirectories: true)
    case "pipe": unsafe #expect(mkfifo(file.path, 0o600) == 0)
    case "large": try Data(repeating: 0x20, count: KeyFile.maximumBytes + 1).write(to: file)
    case "bytes": try Data([0xFF, 0xFE, 0x00] + (0..<255)).write(to: file)
    case "empty": try Data().write(to: file)
    case "nested": try Data(repeating: 0x5B, count: 1 << 20).write(to: file)
    default: break
    }
    let error = #expect(throws: CommandFailure.self) { try KeyFile.read(file) }
    let text = error?.errorDescription ?? ""
    #expect(text.contains(message) && text.contains(file.path), "\(text)")
    #expect(text.utf8.count < 500)
    withExtendedLifetime(folder) {}
  }

  @Test func keysHaveALengthThatHeadersHold() {
    #expect(KeyDigest.isKey(String(repeating: "x", count: 4096)))
    for text in ["", "a b", "é", "a\n", String(repeating: "x", count: 4097)] { #expect(!KeyDigest.isKey(text)) }
  }

  @Test func keysStandWhereClientsPutThem() {
    var headers = HTTPFields()
    headers.append(HTTPField(name: .authorization, value: "BEARER  a"))
    headers.append(HTTPField(name: .authorization, value: "Basic b"))
    headers[.knownName("X-Api-Key")] = "c"
    headers[.knownName("api-key")] = "d"
    #expect(Credentials.keys(in: headers) == ["a", "c", "d"])
    for index in 0..<99 { headers.append(HTTPField(name: .knownName("x-api-key"), value: "\(index)")) }
    #expect(Credentials.keys(in: headers) == ["a", "c", "0", "1", "2", "3", "4", "5"])
    for value in ["Bearer", "Bearer ", "a", "Bearer\ta", ""] {
      #expect(Credentials.keys(in: [.authorization: value]) == [], "\(value)")
    }
  }
}

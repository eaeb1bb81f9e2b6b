import Foundation
import InferText

/// The form of a file of keys: `{"keys": [{"name": …, "sha256": …, …}]}`, with no member that is not known.
enum KeyFile {
  /// The largest file, in bytes.
  static let maximumBytes = 16 << 20

  /// Reads a file.
  ///
  /// - Throws: ``CommandFailure``, which names the file and the member that is wrong.
  static func read(_ url: URL) throws(CommandFailure) -> [APIKey] {
    let path = url.path(percentEncoded: false)
    let bytes: [UInt8]
    do throws(WholeFile.Fault) { bytes = try WholeFile.read(path, upTo: maximumBytes) } catch {
      throw CommandFailure("the keys in \(path) cannot be read: \(error)")
    }
    let value: JSONValue
    do { value = try JSONValue(parsing: bytes) } catch {
      throw CommandFailure("\(path) is no file of keys: it is not valid JSON: \(error)")
    }
    do throws(APIError) { return try keys(value) } catch {
      throw CommandFailure("\(path) is no file of keys: \(error.message)")
    }
  }

  /// The keys of a file's document.
  static func keys(_ document: JSONValue) throws(APIError) -> [APIKey] {
    guard document.object != nil else {
      throw .invalid(nil, "The document must be an object with the member keys, not \(document.kind).")
    }
    let reader = try FieldReader(document)
    try check(document, ["keys"], reader)
    guard let elements = try reader.array("keys") else { throw reader.missing("keys") }
    var keys: [APIKey] = []
    var names: Set<ExactText> = []
    var digests: Set<KeyDigest> = []
    for (index, element) in elements.enumerated() {
      let key = try self.key(element, path: "keys[\(index)]")
      guard names.insert(ExactText(key.name)).inserted else {
        throw .invalid("name", "keys[\(index)].name is '\(key.name)', as another key's.")
      }
      guard digests.insert(key.digest).inserted else {
        throw .invalid("sha256", "keys[\(index)].sha256 is another key's as well.")
      }
      keys.append(key)
    }
    return keys
  }

  /// The document of keys, for people to read.
  static func text(_ keys: [APIKey]) -> String {
    let document: JSONValue = ["keys": .array(keys.map { .object(members($0)) })]
    return document.serialized(.pretty) + "\n"
  }

  /// A key's members.
  static func members(_ key: APIKey) -> JSONObject {
    var members: JSONObject = ["name": .string(key.name), "sha256": .string(key.digest.hexadecimal)]
    members["created"] = key.created.map { .string(Timestamp.text($0)) }
    members["expires"] = key.expires.map { .string(Timestamp.text($0)) }
    members["scopes"] = .array(KeyScope.allCases.filter(key.scopes.contains).map { .string($0.rawValue) })
    members["requests_per_minute"] = key.limits.requestsPerMinute.map(JSONValue.integer)
    members["tokens_per_minute"] = key.limits.tokensPerMinute.map(JSONValue.integer)
    members["max_concurrency"] = key.limits.maxConcurrency.map(JSONValue.integer)
    members["models"] = key.models.map { .array($0.map(JSONValue.string)) }
    if key.priority != 0 { members["priority"] = .integer(key.priority) }
    members["cache_salt"] = key.cacheSalt.map(JSONValue.string)
    return members
  }

  private static let names = [
    "name", "sha256", "created", "expires", "scopes", "requests_per_minute", "tokens_per_minute", "max_concurrency",
    "models", "priority", "cache_salt",
  ]

  private static func key(_ value: JSONValue, path: String) throws(APIError) -> APIKey {
    let reader = try FieldReader(value, path: path)
    try check(value, names, reader)
    let name = try reader.required(string: "name")
    guard APIKey.isName(name) else { throw reader.wrongValue("name", "must have \(APIKey.nameRule)") }
    guard let digest = KeyDigest(hexadecimal: try reader.required(string: "sha256")) else {
      throw reader.wrongValue("sha256", "must have 64 hexadecimal digits")
    }
    var key = APIKey(name: name, digest: digest)
    key.created = try date(reader, "created")
    key.expires = try date(reader, "expires")
    if let names = try strings(reader, "scopes") { key.scopes = try scopes(names, reader) }
    key.limits = KeyLimits(
      requestsPerMinute: try reader.integer("requests_per_minute", in: KeyLimits.range),
      tokensPerMinute: try reader.integer("tokens_per_minute", in: KeyLimits.range),
      maxConcurrency: try reader.integer("max_concurrency", in: KeyLimits.range))
    key.models = try strings(reader, "models")
    key.priority = try reader.integer("priority", in: 0...SchedulingFields.maximumPriority) ?? 0
    key.cacheSalt = try reader.string("cache_salt")
    try SchedulingFields.check(key.cacheSalt ?? "", reader.name("cache_salt"))
    return key
  }

  private static func scopes(_ names: [String], _ reader: FieldReader) throws(APIError) -> Set<KeyScope> {
    var scopes: Set<KeyScope> = []
    for name in names {
      guard let scope = KeyScope.allCases.first(where: { $0.rawValue.isExactly(name) }) else {
        let known = FieldReader.alternatives(KeyScope.allCases.map(\.rawValue))
        throw reader.wrongValue("scopes", "must have \(known), not '\(name)'")
      }
      scopes.insert(scope)
    }
    return scopes
  }

  private static func date(_ reader: FieldReader, _ key: String) throws(APIError) -> Date? {
    guard let text = try reader.string(key) else { return nil }
    guard let date = Timestamp.date(text) else {
      throw reader.wrongValue(key, "must be a time like 2027-01-31T00:00:00Z, not '\(text)'")
    }
    return date
  }

  private static func strings(_ reader: FieldReader, _ key: String) throws(APIError) -> [String]? {
    guard let elements = try reader.array(key) else { return nil }
    var strings: [String] = []
    for element in elements {
      guard let string = element.string else { throw reader.wrongValue(key, "must hold strings, not \(element.kind)") }
      strings.append(string)
    }
    return strings
  }

  /// Refuses members that nothing reads: a limit whose name has a fault would limit nothing.
  private static func check(_ value: JSONValue, _ names: [String], _ reader: FieldReader) throws(APIError) {
    for name in value.keys where !names.contains(where: { $0.isExactly(name) }) {
      throw .invalid(name, "\(reader.name(name)) is not known; known are \(names.joined(separator: ", ")).")
    }
  }
}

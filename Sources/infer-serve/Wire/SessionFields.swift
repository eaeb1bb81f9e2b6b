import InferCore
import InferText

/// The names that clients give to sessions, which are no paths.
enum SessionFields {
  /// The longest name, in bytes.
  static let maximumNameBytes = 128

  /// The rule for names.
  static let rule = "1 to \(maximumNameBytes) letters, digits, '.', '_' and '-', and not begin with a dot"

  /// `true` for a name that a file may have: letters and digits of ASCII, `.`, `_` and `-`, and no dot at its beginning.
  static func isName(_ name: String) -> Bool {
    let bytes = name.utf8
    guard (1...maximumNameBytes).contains(bytes.count), bytes.first != UInt8(ascii: ".") else { return false }
    return bytes.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
  }

  /// Refuses other names.
  static func check(_ name: String, _ field: String) throws(APIError) {
    guard isName(name) else {
      throw .invalid(
        field,
        "\(field) must have \(rule).",
        code: "invalid_value")
    }
  }

  /// The name of the session of a slot of llama-server's, which no client can give.
  static func slotName(_ number: Int) -> String { "slot \(number)" }

  /// The session that a request belongs to: `session_id`, or llama-server's `id_slot`. Names that no session can be saved
  /// under are other clients' notes, and pass.
  static func session(_ reader: FieldReader, in scope: CacheScope?) throws(APIError) -> SessionName? {
    let name = try reader.string("session_id")
    let number = try reader.integer("id_slot") ?? -1
    guard let scope else { return nil }
    if let name, isName(name) { return SessionName(name, in: scope) }
    return number >= 0 ? SessionName(slotName(number), in: scope) : nil
  }

  /// The scope of a salt.
  static func scope(salt: String?, _ field: String) throws(APIError) -> CacheScope {
    let salt = salt ?? ""
    try SchedulingFields.check(salt, field)
    return CacheScope(salt: Array(salt.utf8))
  }
}

/// A value in a tokenizer file together with its place, so that every complaint can name it.
struct TokenizerField {
  let value: JSONValue
  let path: String

  init(_ value: JSONValue, at path: String) {
    self.value = value
    self.path = path
  }

  /// The member of that name; nil when it is absent or null.
  subscript(key: String) -> TokenizerField? {
    guard let member = value[key], !member.isNull else { return nil }
    return TokenizerField(member, at: path.isEmpty ? key : "\(path).\(key)")
  }

  func require(_ key: String) throws(TokenizerError) -> TokenizerField {
    guard let field = self[key] else { throw invalid("\"\(key)\" is missing") }
    return field
  }

  func bool() throws(TokenizerError) -> Bool { try expect(value.bool, "a boolean") }
  func string() throws(TokenizerError) -> String { try expect(value.string, "a string") }
  func count() throws(TokenizerError) -> Int { try expect(value.int.flatMap { $0 < 0 ? nil : $0 }, "a count") }

  /// All token ids are below. The bound keeps a damaged file from asking for gigabytes of tables.
  static let tokenLimit = 1 << 22

  func tokenID() throws(TokenizerError) -> Int32 {
    let id = value.int.flatMap { (0..<Self.tokenLimit).contains($0) ? Int32($0) : nil }
    return try expect(id, "a token id below \(Self.tokenLimit)")
  }

  func elements() throws(TokenizerError) -> [TokenizerField] {
    try expect(value.array, "an array").enumerated().map { TokenizerField($1, at: "\(path)[\($0)]") }
  }

  /// The boolean member of that name, or `fallback` when it is absent or null.
  func flag(_ key: String, default fallback: Bool) throws(TokenizerError) -> Bool {
    guard let field = self[key] else { return fallback }
    return try field.bool()
  }

  /// The member `type`, by which every part of the file says what it is.
  func type() throws(TokenizerError) -> String { try require("type").string() }

  func invalid(_ reason: String) -> TokenizerError {
    .invalid(path: path.isEmpty ? "top level" : path, reason: reason)
  }

  func unsupported(_ what: String) -> TokenizerError { .unsupported(path: path, what: what) }

  private func expect<Value>(_ value: Value?, _ expected: String) throws(TokenizerError) -> Value {
    guard let value else { throw invalid("expected \(expected), found \(self.value.kind)") }
    return value
  }
}

import HTTPTypes

extension HTTPField.Name {
  /// A name that is right as it stands in the sources.
  static func knownName(_ name: String) -> HTTPField.Name {
    guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is no name of a header field") }
    return name
  }
}

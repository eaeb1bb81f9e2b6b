import ArgumentParser
import Foundation

/// Who may use the server.
struct AccessOptions: ParsableArguments {
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      """
      A key that may do anything; may be repeated. Clients send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'. \
      Other users of this machine can read command lines: INFER_SERVE_API_KEY in the environment is one more, and a file \
      holds no keys at all.
      """, valueName: "key"))
  var apiKey: [String] = []

  @Option(
    help: ArgumentHelp(
      """
      JSON file of keys with names, scopes and limits, as 'infer-serve keys' writes it. It is read again when it changes, \
      and on SIGHUP.
      """, valueName: "FILE"), transform: PathArgument.init)
  var apiKeyFile: PathArgument?

  @Flag(help: "Listen on an address that others can reach without asking anybody for a key.")
  var allowAnonymous = false

  static let variable = "INFER_SERVE_API_KEY"

  func validate() throws {
    guard apiKey.allSatisfy(KeyDigest.isKey) else {
      throw ValidationError("--api-key must have \(KeyDigest.keyRule)")
    }
    guard !allowAnonymous || (apiKey.isEmpty && apiKeyFile == nil) else {
      throw ValidationError("--allow-anonymous makes no sense with --api-key or --api-key-file: keys are for all")
    }
  }

  /// The keys in force; `nil` where there are none.
  ///
  /// - Throws: ``CommandFailure`` for a file or a variable that holds no keys.
  func keys(_ environment: [String: String] = ProcessInfo.processInfo.environment) throws(CommandFailure) -> KeyRing? {
    var keys = apiKey.enumerated().map { Self.key("api-key#\($0 + 1)", $1) }
    if let text = environment[Self.variable] {
      guard KeyDigest.isKey(text) else {
        throw CommandFailure("\(Self.variable) must have \(KeyDigest.keyRule)")
      }
      guard !allowAnonymous else {
        throw CommandFailure("--allow-anonymous makes no sense with \(Self.variable): keys are for all")
      }
      keys.append(Self.key("api-key#environment", text))
    }
    guard !keys.isEmpty || apiKeyFile != nil else { return nil }
    return try KeyRing(keys, file: apiKeyFile?.url)
  }

  /// Refuses to serve anybody who can reach an address, unless that is wanted.
  ///
  /// - Parameter address: The address that other machines can reach; `nil` for none.
  func check(_ keys: KeyRing?, _ address: ListeningAddress?) throws(CommandFailure) {
    guard keys == nil, let address, !allowAnonymous else { return }
    throw CommandFailure(
      "listening on \(address) lets other machines use the server, and it has no keys: give --api-key or --api-key-file, or "
        + "--allow-anonymous if anybody may use it")
  }

  /// A key that may do anything. No name in a file is the same.
  private static func key(_ name: String, _ text: String) -> APIKey {
    var key = APIKey(name: name, digest: KeyDigest(of: text))
    key.scopes = Set(KeyScope.allCases)
    return key
  }
}

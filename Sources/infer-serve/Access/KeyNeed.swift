/// The key that an operation needs, where the server has keys.
enum KeyNeed: Equatable, Sendable {
  /// None.
  case none
  /// Any that is in force, whatever its scopes. The request takes nothing from the key's limits.
  case any
  /// One with a scope.
  case scope(KeyScope)

  /// The scope that the key must have; `nil` for none.
  var scope: KeyScope? { if case .scope(let scope) = self { scope } else { nil } }
}

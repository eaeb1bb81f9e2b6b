import Logging

extension ListeningAddress {
  /// The address in the log.
  var metadata: Logger.Metadata {
    switch self {
    case .network(_, let port): ["port": "\(port)"]
    case .socket(let path): ["socket": "\(path)"]
    }
  }
}

import Foundation
import InferCore
import NIOSSL

/// A server's certificate and its key, from files that may change.
final class TLSCertificates: Sendable {
  /// The file of the certificate and those above it, in PEM.
  let certificate: URL
  /// The file of the certificate's key, in PEM.
  let key: URL
  /// The files' versions when they were first read.
  let versions: [FileVersion?]
  private let current: Monitor<Contents>

  private struct Contents: Sendable {
    var context: NIOSSLContext
    /// When the certificate begins to be valid.
    var validFrom: Date
  }

  /// Held by whoever reads the files.
  private let reading = Monitor(())

  /// - Throws: ``CommandFailure`` for files that cannot be read, or that do not belong together.
  init(certificate: URL, key: URL) throws(CommandFailure) {
    self.certificate = certificate
    self.key = key
    versions = [certificate, key].map { FileVersion($0) }
    current = Monitor(try Self.read(certificate, key))
  }

  /// The files' contents for a new connection.
  var context: NIOSSLContext { current.withLock { $0.context } }

  /// What is wrong with a certificate that is used all the same; `nil` for nothing.
  var warning: String? {
    let validFrom = current.withLock { $0.validFrom }
    guard validFrom > Date() else { return nil }
    let path = certificate.path(percentEncoded: false)
    return "the certificate in \(path) is not valid before \(Timestamp.text(validFrom)): until then clients refuse it"
  }

  /// Reads the files again. Connections that are open keep what they have.
  ///
  /// - Throws: ``CommandFailure`` for what cannot be used; the certificate is then what it was.
  func reload() throws(CommandFailure) {
    try reading.withLock { (_) throws(CommandFailure) in
      let read = try Self.read(certificate, key)
      current.withLock { $0 = read }
    }
  }

  private static func read(_ certificate: URL, _ key: URL) throws(CommandFailure) -> Contents {
    let paths = (certificate: certificate.path(percentEncoded: false), key: key.path(percentEncoded: false))
    let (certificateBytes, keyBytes) = (try bytes(of: paths.certificate), try bytes(of: paths.key))
    let chain = (try? NIOSSLCertificate.fromPEMBytes(certificateBytes)) ?? []
    guard let leaf = chain.first else { throw CommandFailure("\(paths.certificate) is no certificate in PEM") }
    let secret: NIOSSLPrivateKey
    do { secret = try NIOSSLPrivateKey(bytes: keyBytes, format: .pem) } catch {
      throw CommandFailure("\(paths.key) is no private key in PEM, or is encrypted")
    }
    guard Date(timeIntervalSince1970: Double(leaf.notValidAfter)) > Date() else {
      throw CommandFailure("the certificate in \(paths.certificate) has expired")
    }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(secret))
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["h2", "http/1.1"]
    do {
      return Contents(
        context: try NIOSSLContext(configuration: configuration),
        validFrom: Date(timeIntervalSince1970: Double(leaf.notValidBefore)))
    } catch {
      throw CommandFailure("the key in \(paths.key) does not fit the certificate in \(paths.certificate)")
    }
  }

  /// The largest file, in bytes.
  private static let maximumBytes = 1 << 20

  private static func bytes(of path: String) throws(CommandFailure) -> [UInt8] {
    let bytes: [UInt8]
    do throws(WholeFile.Fault) { bytes = try WholeFile.read(path, upTo: maximumBytes) } catch {
      throw CommandFailure("\(path) cannot be read: \(error)")
    }
    guard !bytes.isEmpty else { throw CommandFailure("\(path) is empty") }
    return bytes
  }
}

import ArgumentParser

/// The server's certificate.
struct TLSOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Certificate of the server in PEM, with those above it behind it: the server then speaks TLS (1.2 and 1.3) on its \
      address. It is read again when it or its key changes, and on SIGHUP.
      """, valueName: "FILE"), transform: PathArgument.init)
  var tlsCertificate: PathArgument?

  @Option(
    help: ArgumentHelp("Key of --tls-certificate in PEM, not encrypted.", valueName: "FILE"),
    transform: PathArgument.init)
  var tlsKey: PathArgument?

  func validate() throws {
    guard (tlsCertificate == nil) == (tlsKey == nil) else {
      throw ValidationError("--tls-certificate and --tls-key need each other")
    }
  }

  /// The certificate and its key; `nil` for none.
  ///
  /// - Throws: ``CommandFailure`` for files that cannot be read, or do not belong together.
  func certificates() throws(CommandFailure) -> TLSCertificates? {
    guard let tlsCertificate, let tlsKey else { return nil }
    return try TLSCertificates(certificate: tlsCertificate.url, key: tlsKey.url)
  }
}

import Foundation
import Glibc
import NIOCore
import TestSupport
import Testing

@testable import infer_serve

struct ListeningAddressTests {
  /// A server that ends leaves the socket of its successor alone.
  @Test func onlyTheOwnSocketIsRemoved() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("s", "").path
    let address = ListeningAddress.socket(path: path)
    let own = try #require(address.file)
    try folder.write("other", "")
    unsafe #expect(rename(folder.url.appending(path: "other").path, path) == 0)
    address.remove(own)
    address.remove(nil)
    #expect(address.file != nil && address.file != own)
    address.remove(address.file)
    #expect(address.file == nil)
    ListeningAddress.network(host: "localhost", port: 1).remove(own)
  }

  /// A socket that somebody listens on is taken, and so is one of another kind; one that is left behind is free.
  @Test func socketsThatAnswerAreTaken() throws {
    let folder = try TemporaryFolder()
    for (type, listens, isFree) in [(SOCK_STREAM, true, false), (SOCK_STREAM, false, true), (SOCK_DGRAM, false, false)]
    {
      let path = folder.url.appending(path: "\(type.rawValue)\(listens)").path
      let descriptor = socket(AF_UNIX, Int32(type.rawValue), 0)
      defer { close(descriptor) }
      let bound = try unsafe SocketAddress(unixDomainSocketPath: path).withSockAddr {
        unsafe bind(descriptor, $0, socklen_t($1))
      }
      #expect(bound == 0 && (!listens || listen(descriptor, 1) == 0))
      let address = ListeningAddress.socket(path: path)
      if isFree { try address.checkFree() } else { #expect(throws: CommandFailure.self) { try address.checkFree() } }
    }
  }
}

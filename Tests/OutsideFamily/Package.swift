// swift-tools-version: 6.2
import PackageDescription

// A package as its reader has it: the library, without the trait that brings the server.
let package = Package(
  name: "OutsideFamily",
  dependencies: [.package(name: "infer-serve", path: "../..", traits: [])],
  targets: [
    .executableTarget(name: "OutsideFamily", dependencies: [.product(name: "InferKit", package: "infer-serve")])
  ]
)

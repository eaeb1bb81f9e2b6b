// swift-tools-version: 6.2
import PackageDescription

/// One set of settings for every Swift target: strict concurrency, strict memory safety, no warnings.
let swiftSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("InferIsolatedConformances"),
  .enableExperimentalFeature("Lifetimes"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

let package = Package(
  name: "infer-serve",
  products: [
    .executable(name: "infer-serve", targets: ["infer-serve-main"]),
    .library(name: "InferText", targets: ["InferText"]),
    .library(name: "InferMetrics", targets: ["InferMetrics"]),
    .library(name: "InferCore", targets: ["InferCore"]),
    .library(name: "HybridBlocks", targets: ["HybridBlocks"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: [
    .systemLibrary(name: "CBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .target(
      name: "CKernels",
      // Optimised in debug builds too, so that tests of whole models stay fast.
      cSettings: [.unsafeFlags(["-O3", "-Wall", "-Wextra", "-Werror"])]),
    .target(
      name: "InferText",
      dependencies: ["CPCRE2", .product(name: "OrderedCollections", package: "swift-collections")],
      swiftSettings: swiftSettings),
    .target(name: "InferMetrics", swiftSettings: swiftSettings),
    .target(
      name: "InferCore",
      dependencies: [
        "CBLAS", "CCrypto", "CKernels", "InferMetrics", "InferText",
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "HeapModule", package: "swift-collections"),
        .product(name: "OrderedCollections", package: "swift-collections"),
      ],
      swiftSettings: swiftSettings),
    .target(
      name: "HybridBlocks",
      dependencies: ["InferCore", "InferText"],
      swiftSettings: swiftSettings),
    .executableTarget(name: "infer-serve-main", dependencies: ["infer-serve"], swiftSettings: swiftSettings),
    .target(
      name: "infer-serve",
      dependencies: [
        "CZlib", "HybridBlocks", "InferCore", "InferMetrics", "InferText",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: swiftSettings),
    .target(
      name: "TestSupport", dependencies: ["InferCore", "InferText"], path: "Tests/TestSupport",
      swiftSettings: swiftSettings),
    .testTarget(
      name: "InferTextTests", dependencies: ["InferText", "TestSupport"], swiftSettings: swiftSettings),
    .testTarget(name: "InferMetricsTests", dependencies: ["InferMetrics"], swiftSettings: swiftSettings),
    .testTarget(
      name: "InferCoreTests", dependencies: ["InferCore", "InferMetrics", "InferText", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "HybridBlocksTests",
      dependencies: ["Example", "HybridBlocks", "InferCore", "InferMetrics", "InferText", "TestSupport"],
      swiftSettings: swiftSettings),
    // The README's example, with what a reader's package has: the libraries and no settings.
    .target(name: "Example", dependencies: ["HybridBlocks", "InferCore", "InferText"], path: "Tests/Example"),
    .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
    .executableTarget(
      name: "Allocations", dependencies: ["AllocationCounter", "HybridBlocks", "InferCore", "InferText"],
      path: "Tests/Allocations",
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "Fuzz", dependencies: ["infer-serve", "InferCore", "InferText", "TestSupport"], path: "Tests/Fuzz",
      exclude: ["README.md", "corpus", "make_corpus.py"], swiftSettings: swiftSettings),
    .testTarget(
      name: "InferServeTests",
      dependencies: [
        "infer-serve", "HybridBlocks", "InferCore", "InferMetrics", "InferText", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: swiftSettings),
  ]
)

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

/// A product that the server alone needs: without the trait `Server`, nobody who depends on this package gets it.
func server(_ product: String, _ package: String) -> Target.Dependency {
  .product(name: product, package: package, condition: .when(traits: ["Server"]))
}

let package = Package(
  name: "infer-serve",
  products: [
    .executable(name: "infer-serve", targets: ["infer-serve-main"]),
    .library(name: "InferKit", targets: ["InferKit"]),
    .library(name: "InferText", targets: ["InferText"]),
    .library(name: "InferMetrics", targets: ["InferMetrics"]),
    .library(name: "InferCore", targets: ["InferCore"]),
    .library(name: "HybridBlocks", targets: ["HybridBlocks"]),
  ],
  traits: [
    .trait(name: "Server", description: "The command and the server, with the packages that only they need."),
    .trait(name: "MPI", description: "One model over several processes of an MPI job (OpenMPI)."),
    .trait(name: "ZMQ", description: "Events of the prefix cache for routers, over ZeroMQ (libzmq)."),
    .default(enabledTraits: ["Server"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
    .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    .systemLibrary(name: "CBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(name: "CZMQ", pkgConfig: "libzmq", providers: [.apt(["libzmq3-dev"])]),
    .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .target(
      name: "CKernels",
      // Optimised in debug builds too, so that tests of whole models stay fast.
      cSettings: [.unsafeFlags(["-O3", "-Wall", "-Wextra", "-Werror"])]),
    .target(
      name: "CPage",
      // The files of the page, which `page.c` embeds.
      exclude: ["page", "pictures"], cSettings: [.unsafeFlags(["-std=c23", "-Wall", "-Wextra", "-Werror"])]),
    .target(name: "CFaults", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
    .target(
      name: "InferText",
      dependencies: ["CPCRE2", .product(name: "OrderedCollections", package: "swift-collections")],
      swiftSettings: swiftSettings),
    .target(name: "InferMetrics", swiftSettings: swiftSettings),
    .target(
      name: "InferCore",
      dependencies: [
        "CBLAS", "CCrypto", "CFaults", "CKernels", "InferMetrics", "InferText",
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "HeapModule", package: "swift-collections"),
        .product(name: "OrderedCollections", package: "swift-collections"),
      ],
      swiftSettings: swiftSettings),
    .target(
      name: "HybridBlocks",
      dependencies: ["InferCore", "InferText"],
      swiftSettings: swiftSettings),
    .target(
      name: "InferKit",
      dependencies: ["HybridBlocks", "InferCore", "InferText"],
      swiftSettings: swiftSettings),
    .target(
      name: "InferMPI", dependencies: ["InferCore", .target(name: "CMPI", condition: .when(traits: ["MPI"]))],
      swiftSettings: swiftSettings),
    .target(
      name: "InferZMQ", dependencies: ["InferCore", .target(name: "CZMQ", condition: .when(traits: ["ZMQ"]))],
      swiftSettings: swiftSettings),
    .executableTarget(name: "infer-serve-main", dependencies: ["infer-serve"], swiftSettings: swiftSettings),
    .target(
      name: "infer-serve",
      dependencies: [
        "CPage", "CZlib", "HybridBlocks", "InferCore", "InferKit", "InferMetrics", "InferMPI", "InferText", "InferZMQ",
        server("ArgumentParser", "swift-argument-parser"),
        server("AsyncHTTPClient", "async-http-client"),
        .product(name: "DequeModule", package: "swift-collections"),
        server("GRDB", "GRDB.swift"),
        server("HTTPTypes", "swift-http-types"),
        server("Hummingbird", "hummingbird"),
        server("HummingbirdCore", "hummingbird"),
        server("Logging", "swift-log"),
        server("NIOCore", "swift-nio"),
        server("NIOHTTP1", "swift-nio"),
        server("NIOHTTP2", "swift-nio-http2"),
        server("NIOHTTPTypes", "swift-nio-extras"),
        server("NIOHTTPTypesHTTP2", "swift-nio-extras"),
        server("NIOPosix", "swift-nio"),
        server("NIOSSL", "swift-nio-ssl"),
        server("NIOTLS", "swift-nio"),
        server("ServiceLifecycle", "swift-service-lifecycle"),
        server("Tracing", "swift-distributed-tracing"),
        server("UnixSignals", "swift-service-lifecycle"),
        server("Yams", "Yams"),
      ],
      swiftSettings: swiftSettings),
    .target(
      name: "TestSupport", dependencies: ["InferCore", "InferText"], path: "Tests/TestSupport",
      swiftSettings: swiftSettings),
    .testTarget(
      name: "InferTextTests", dependencies: ["InferText", "TestSupport"], swiftSettings: swiftSettings),
    .testTarget(name: "InferMetricsTests", dependencies: ["InferMetrics"], swiftSettings: swiftSettings),
    .testTarget(
      name: "InferCoreTests", dependencies: ["CKernels", "InferCore", "InferMetrics", "InferText", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "HybridBlocksTests",
      dependencies: ["HybridBlocks", "InferCore", "InferMetrics", "InferText", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "InferKitTests",
      dependencies: ["Example", "HybridBlocks", "InferCore", "InferKit", "InferText", "TestSupport"],
      swiftSettings: swiftSettings),
    // The code of README and articles, with what a reader's package has: the library and no settings.
    .target(name: "Example", dependencies: ["InferKit"], path: "Tests/Example"),
    .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
    .executableTarget(
      name: "Allocations", dependencies: ["AllocationCounter", "HybridBlocks", "InferCore", "InferText"],
      path: "Tests/Allocations",
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "Fuzz",
      dependencies: [
        "infer-serve", "InferCore", "InferText", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], path: "Tests/Fuzz",
      exclude: ["README.md", "corpus", "make_corpus.py"], swiftSettings: swiftSettings),
    .testTarget(
      name: "InferServeTests",
      dependencies: [
        "infer-serve", "HybridBlocks", "InferCore", "InferKit", "InferMetrics", "InferText", "TestSupport",
        server("ArgumentParser", "swift-argument-parser"),
        server("GRDB", "GRDB.swift"),
        server("HTTPTypes", "swift-http-types"),
        server("Hummingbird", "hummingbird"),
        server("HummingbirdCore", "hummingbird"),
        server("Logging", "swift-log"),
        server("NIOCore", "swift-nio"),
        server("NIOHTTP1", "swift-nio"),
        server("NIOPosix", "swift-nio"),
        server("Tracing", "swift-distributed-tracing"),
      ],
      swiftSettings: swiftSettings),
  ]
)

import Testing

@testable import InferCore

@Suite struct QuantizationPlanTests {
  /// Names of a model with attention in some of its layers.
  private func names(layers: Int, attention: [Int]) -> [String] {
    (0..<layers).map { "model.layers.\($0).norm.weight" }
      + attention.map { "model.layers.\($0).self_attn.v_proj.weight" } + ["lm_head.weight"]
  }

  private func plan(_ name: String, head: WeightFormat? = nil, layers: Int = 32, attention: [Int] = []) throws
    -> QuantizationPlan
  {
    let quantization = try #require(Quantization(named: name, head: head))
    return QuantizationPlan(quantization, names: names(layers: layers, attention: attention))
  }

  @Test func namesAreThoseOfTheFormatsAndTheMix() throws {
    for format in WeightFormat.writable + WeightFormat.weighted {
      #expect(Quantization(named: format.name.lowercased())?.format == format)
    }
    let mix = try #require(Quantization(named: "q4_k_m"))
    #expect(mix.isMix && mix.format == .q4_K && mix.headFormat == .q6_K)
    for name in ["", "Q4", "Q4_K_S", "Q8_1", "Q4_K_M ", "Q8_K", "IQ3_M"] { #expect(Quantization(named: name) == nil) }
  }

  /// Formats of few bits leave the head more; a head of one's own is taken as it is.
  @Test(arguments: [
    ("Q4_0", "Q6_K"), ("Q5_1", "Q6_K"), ("Q4_K", "Q6_K"), ("Q6_K", "Q6_K"), ("Q2_K", "Q6_K"), ("MXFP4", "Q6_K"),
    ("Q8_0", "Q8_0"), ("F16", "F16"),
  ])
  func headsGetMoreBits(_ name: String, _ head: String) throws {
    let plan = try plan(name)
    #expect(plan.format(of: "lm_head.weight", role: .head, columns: 512, stored: .bf16).name == head)
    #expect(plan.format(of: "model.embed_tokens.weight", role: .embedding, columns: 512, stored: .bf16).name == name)
    let own = try self.plan(name, head: .q5_1)
    #expect(own.format(of: "lm_head.weight", role: .head, columns: 512, stored: .bf16) == .q5_1)
  }

  /// Rows of a table are looked up: nobody knows which of its columns matter.
  @Test(arguments: [
    ("IQ2_XXS", "Q2_K"), ("IQ1_M", "Q2_K"), ("IQ2_S", "IQ3_S"), ("IQ3_XXS", "IQ3_S"), ("IQ3_S", "IQ3_S"),
  ])
  func tablesNeedNoImportance(_ name: String, _ table: String) throws {
    let plan = try plan(name)
    #expect(plan.format(of: "model.embed_tokens.weight", role: .embedding, columns: 512, stored: .bf16).name == table)
    #expect(plan.format(of: "a.weight", role: .linear, columns: 512, stored: .bf16).name == name)
    #expect(Quantization.names.contains(name) == (name == "IQ3_S"))
  }

  @Test func smallMatricesKeepTheirNumbers() throws {
    let plan = try plan("Q4_K_M")
    for stored in [WeightFormat.f32, .f16, .bf16, .q8_0] {
      func format(_ role: MatrixRole) -> WeightFormat {
        plan.format(of: "model.layers.0.gate.weight", role: role, columns: 512, stored: stored)
      }
      #expect(format(.stored) == stored)
      #expect(format(.exact) == (stored == .q8_0 ? .q8_0 : .f32))
    }
  }

  /// What the reference program gives to a model of 32 layers, all with attention, and to one of 10 with one.
  @Test func theMixGivesMoreToSomeLayers() throws {
    func layers(_ plan: QuantizationPlan, _ role: MatrixRole, _ name: String, _ candidates: [Int]) -> [Int] {
      candidates.filter {
        plan.format(of: "model.layers.\($0).\(name).weight", role: role, columns: 512, stored: .bf16) == .q6_K
      }
    }
    let all = Array(0..<32)
    let dense = try plan("Q4_K_M", attention: all)
    let sensitive = [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31]
    #expect(layers(dense, .value, "self_attn.v_proj", all) == sensitive)
    #expect(layers(dense, .down, "mlp.down_proj", all) == sensitive)
    #expect(layers(dense, .linear, "self_attn.o_proj", all) == [])
    let hybrid = try plan("Q4_K_M", layers: 10, attention: [5])
    #expect(layers(hybrid, .down, "down", Array(0..<10)) == [0, 3, 6, 8, 9])
    #expect(layers(hybrid, .value, "self_attn.v_proj", [5]) == [5])
    #expect(layers(try plan("Q4_K", attention: all), .value, "self_attn.v_proj", all) == [])
  }

  @Test(arguments: [
    ("Q4_K", 512, "Q4_K"), ("Q4_K", 384, "Q8_0"), ("Q6_K", 96, "Q8_0"), ("NVFP4", 96, "Q8_0"), ("NVFP4", 64, "NVFP4"),
    ("IQ4_XS", 128, "Q8_0"), ("Q4_0", 96, "Q4_0"), ("Q4_K", 80, "F16"),
    ("Q4_0", 80, "F16"), ("Q8_0", 33, "F16"), ("BF16", 33, "BF16"), ("F32", 1, "F32"),
  ])
  func rowsThatAreNoWholeBlocksFallBack(_ name: String, _ columns: Int, _ expected: String) throws {
    let format = try plan(name).format(of: "model.layers.1.x.weight", role: .linear, columns: columns, stored: .bf16)
    #expect(format.name == expected)
    #expect(columns % format.blockElements == 0)
  }

  /// Bytes of a model of ten layers at the widths of Granite 4.0 H Tiny, as `llama-quantize` counts them: an embedding
  /// that is the head; Mamba-2 and in one layer attention; 64 experts and a shared one in each.
  @Test(arguments: [
    ("Q4_K_M", ["Q4_K": 807_031_296, "Q6_K": 339_978_240]), ("Q4_0", ["Q4_0": 953_455_104, "Q6_K": 126_443_520]),
    ("Q8_0", ["Q8_0": 1_964_745_216]),
  ])
  func bytesAreThoseOfTheReference(_ name: String, _ expected: [String: Int]) throws {
    let plan = try plan(name, layers: 10, attention: [5])
    var bytes: [String: Int] = [:]
    func add(_ name: String, _ role: MatrixRole, rows: Int, columns: Int) {
      let format = plan.format(of: name, role: role, columns: columns, stored: .bf16)
      bytes[format.name, default: 0] += rows * format.bytes(columns)
    }
    add("model.embed_tokens.weight", .head, rows: 100_352, columns: 1536)
    for layer in 0..<10 {
      let prefix = "model.layers.\(layer)."
      add(prefix + "experts.up", .linear, rows: 64 * 1024, columns: 1536)
      add(prefix + "experts.down", .down, rows: 64 * 1536, columns: 512)
      add(prefix + "shared.up", .linear, rows: 2048, columns: 1536)
      add(prefix + "shared.down", .down, rows: 1536, columns: 1024)
      if layer == 5 {
        for rows in [1536, 512, 1536] { add(prefix + "qko", .linear, rows: rows, columns: 1536) }
        add(prefix + "v", .value, rows: 512, columns: 1536)
      } else {
        add(prefix + "in_proj", .linear, rows: 6448, columns: 1536)
        add(prefix + "out_proj", .linear, rows: 1536, columns: 3072)
      }
    }
    #expect(bytes == expected)
  }

  @Test func wildNamesHaveNoLayer() throws {
    let odd = ["layers", "layers.", "layers.-1.v_proj.weight", "layers.99999999999999999999.x", "", ".", "layers.x.y"]
    let plan = QuantizationPlan(try #require(Quantization(named: "Q4_K_M")), names: odd)
    for name in odd { #expect(plan.format(of: name, role: .value, columns: 256, stored: .f32) == .q4_K) }
  }
}

import InferCore
import InferText

extension RequestFields {
  /// The fields of `POST /v1/chat/completions`.
  static let chat = RequestFields(
    fields: shared
      + all(
        .read, "messages", "tools", "tool_choice", "parallel_tool_calls", "top_logprobs", "n_probs",
        "functions", "function_call", "max_completion_tokens", "chat_template_kwargs", "add_generation_prompt",
        "continue_final_message", "documents", "prompt_logprobs",
        "reasoning_effort", "reasoning", "enable_thinking", "thinking", "think", "include_reasoning",
        "separate_reasoning", "reasoning_format", "verbosity")
      // How reasoning is cut into events, and what the server itself reads off the template.
      + all(.ignored, "stream_reasoning", "chat_format", "thinking_forced_open", "generation_prompt", "n_keep")
      + [
        ("parse_tool_calls", .refused("Leaving calls in the content is", unless: [true])),
        ("chat_template", .refused("A template of the request's own is", unless: [""])),
        ("echo", .refused("Repetition of the last message is", unless: [false])),
        ("input_ids", .refused("A prompt beside the messages is", unless: [])),
        ("template", .refused("A template of the request's own is", unless: [""])),
        ("context", .refused("A context of Ollama is", unless: [.array([])])),
        ("system", .refused("A system prompt outside the messages is", unless: [""])),
        ("task", .refused("A task beside the messages is", unless: [])),
        ("audio", .refused("Audio output is", unless: [])),
        ("web_search_options", .refused("Web search is", unless: [])),
        ("enable_search", .refused("Web search is", unless: [false])),
        ("plugins", .refused("OpenRouter's plugins are", unless: [.array([])])),
        ("preset", .refused("OpenRouter's presets are", unless: [""])),
        ("best_of", .refused("best_of above 1 is", unless: [1])),
        ("add_special_tokens", .refused("Special tokens beside the template's are", unless: [false])),
        ("return_tokens_as_token_ids", .refused("Ids of tokens in the response are", unless: [false])),
      ]
      + all(
        .refused("A limit of the reasoning's length is", unless: [-1]), "thinking_token_budget", "thinking_budget",
        "thinking_budget_tokens", "reasoning_budget", "reasoning_budget_tokens"),
    required: ["messages"])

  /// The fields of `POST /v1/completions`.
  static let completions = RequestFields(
    fields: shared
      + all(
        .read, "prompt", "suffix", "echo", "best_of", "prompt_logprobs", "return_tokens_as_token_ids",
        "add_special_tokens",
        "n_keep")
      + [
        ("n_probs", .refused("n_probs is", unless: [0])),
        ("system", .refused("A system prompt is", unless: [""])),
        ("template", .refused("A template of the request's own is", unless: [""])),
        ("context", .refused("A context of Ollama is", unless: [.array([])])),
        ("raw", .refused("raw is", unless: [true])),
      ], shapes: completionShapes, required: ["prompt"])

  /// The fields of `POST /v1/messages`: Anthropic's, and those of this server that concern sampling and scheduling.
  static let messages = RequestFields(
    fields: all(
      .read, "model", "messages", "system", "max_tokens", "stream", "temperature", "top_k", "top_p", "stop", "metadata",
      "tools", "tool_choice", "thinking", "output_config", "output_format", "response_format", "context_management",
      "cache_control", "min_p",
      "repetition_penalty", "repeat_last_n", "presence_penalty", "frequency_penalty", "logit_bias", "seed",
      "min_tokens", "stop_token_ids", "ignore_eos", "include_stop_str_in_output", "chat_template_kwargs",
      "cache_salt", "cache_prompt", "session_id", "id_slot", "priority", "timeout", "overflow")
      + [
        ("stop_sequences", .alias(of: "stop")),
        ("mcp_servers", .refused("Servers of tools are", unless: [.array([])])),
        ("container", .refused("A container is", unless: [])),
        ("n", .refused("More than one answer is", unless: [1])),
        ("logprobs", .refused("Log-probabilities are", unless: [false])),
        ("options", .refused("Options of Ollama are", unless: [.object([:])])),
      ] + samplers
      + all(.ignored, "service_tier", "inference_geo", "speed", "betas", "anthropic_beta", "anthropic_version"),
    shapes: messagesShapes, required: ["messages", "max_tokens"])

  static let shared =
    all(
      .read, "model", "stream", "stream_options", "temperature", "top_k", "top_p", "min_p", "repetition_penalty",
      "repeat_last_n", "presence_penalty", "frequency_penalty", "logit_bias", "seed", "n", "logprobs", "max_tokens",
      "min_tokens", "stop", "stop_token_ids", "ignore_eos", "include_stop_str_in_output", "skip_special_tokens",
      "response_format", "modalities", "usage", "options", "cache_salt", "cache_prompt", "session_id", "id_slot",
      "priority", "user", "safety_identifier", "timeout", "overflow")
    + [
      ("n_predict", .alias(of: "max_tokens")), ("max_new_tokens", .alias(of: "max_tokens")),
      ("min_new_tokens", .alias(of: "min_tokens")), ("repeat_penalty", .alias(of: "repetition_penalty")),
      ("n_cmpl", .alias(of: "n")), ("no_stop_trim", .alias(of: "include_stop_str_in_output")),
    ]
    + ignored + samplers + constraints + forms

  /// Whose request it is, where and when it runs, what is kept of it, and what only matters beside fields that are
  /// refused.
  private static let ignored = all(
    .ignored,
    // OpenAI's and OpenRouter's notes and routes.
    "metadata", "store", "service_tier", "prompt_cache_key", "prompt_cache_retention",
    "prediction", "provider", "models", "route", "transforms", "trace",
    // Names, caches, queues and machines.
    "request_id", "rid", "extra_key", "custom_labels", "slot_id",
    "n_discard", "keep_alive", "ttl", "draft_model", "data_parallel_rank", "routed_dp_rank",
    "disagg_prefill_dp_rank", "bootstrap_host", "bootstrap_port", "bootstrap_room", "kv_transfer_params",
    "ec_transfer_params", "ngram_corpus_id", "backend_sampling", "speculative.n_max", "speculative.n_min",
    "speculative.p_min",
    // How events are cut, and what they tell beside the answer.
    "stream_interval", "sse_ping_interval", "timings_per_token", "return_progress", "response_fields",
    "return_cached_tokens_details", "return_mm_kwargs", "return_token_offsets", "spaces_between_special_tokens",
    // Settings of images, samplers and searches that are themselves refused or absent.
    "mm_processor_kwargs", "media_io_kwargs", "images_config", "max_dynamic_patch", "min_dynamic_patch",
    "use_audio_in_video", "length_penalty", "early_stopping", "mirostat_tau", "mirostat_eta", "dry_base",
    "dry_allowed_length", "dry_penalty_last_n", "dry_sequence_breakers", "xtc_threshold", "dynatemp_exponent",
    "smoothing_curve", "penalize_nl", "custom_params", "guided_decoding_backend", "preserved_tokens",
    "truncation_side", "routed_experts_start_len", "routed_experts_prompt_start")

  /// Ways to choose tokens.
  static let samplers: [Field] = [
    ("prompt_embeds", .refused("A prompt of embeddings is", unless: [])),
    ("use_beam_search", .refused("Beam search is", unless: [false])),
    ("samplers", .refused("An order of the samplers is", unless: [.array([]), ""])),
    ("min_keep", .refused("min_keep is", unless: [0, 1])),
    ("typical_p", .refused("Locally typical sampling is", unless: [1])),
    ("tfs_z", .refused("Tail-free sampling is", unless: [1])),
    ("top_a", .refused("Top-a sampling is", unless: [0])),
    ("top_n_sigma", .refused("Top-n-sigma sampling is", unless: [-1, 0])),
    ("epsilon_cutoff", .refused("Epsilon sampling is", unless: [0])),
    ("eta_cutoff", .refused("Eta sampling is", unless: [0])),
    ("mirostat", .refused("Mirostat sampling is", unless: [0])),
    ("mirostat_mode", .refused("Mirostat sampling is", unless: [0])),
    ("xtc_probability", .refused("XTC sampling is", unless: [0])),
    ("dry_multiplier", .refused("DRY sampling is", unless: [0])),
    ("dynatemp_range", .refused("Dynamic temperature is", unless: [0])),
    ("adaptive_target", .refused("Adaptive sampling is", unless: [-1])),
    ("smoothing_factor", .refused("Smoothed sampling is", unless: [0])),
    ("penalty_alpha", .refused("Contrastive search is", unless: [0])),
    ("penalty_prompt", .refused("A prompt for penalties is", unless: [])),
    ("no_repeat_ngram_size", .refused("no_repeat_ngram_size is", unless: [0])),
    ("repetition_detection", .refused("Detection of repetitions is", unless: [])),
    ("watermark", .refused("A watermark is", unless: [false])),
    ("watermarking", .refused("A watermark is", unless: [false])),
    ("logits_processors", .refused("A logits processor is", unless: [.array([])])),
    ("custom_logit_processor", .refused("A logits processor is", unless: [""])),
    ("vllm_xargs", .refused("An extension of vLLM is", unless: [.object([:])])),
    ("lora", .refused("An adapter is", unless: [.array([])])),
    ("lora_path", .refused("An adapter is", unless: [""])),
    ("lora_request", .refused("An adapter is", unless: [])),
  ]

  /// Fields for what an answer may consist of, and where it ends.
  static let constraints =
    all(
      .read, "regex", "json_schema", "structured_outputs", "guided_json", "guided_regex", "guided_choice", "format",
      "grammar", "ebnf", "guided_grammar")
    + [
      ("structural_tag", .refused("Output by structural tags is", unless: [""])),
      ("guided_whitespace_pattern", .refused("A pattern for the white space of JSON is", unless: [""])),
      ("grammar_lazy", .refused("A grammar that begins within the answer is", unless: [false])),
      ("grammar_triggers", .refused("A grammar that begins within the answer is", unless: [.array([])])),
      ("bad_words", .refused("bad_words is", unless: [.array([])])),
      ("allowed_token_ids", .refused("allowed_token_ids is", unless: [])),
      ("stop_regex", .refused("A pattern that ends the answer is", unless: ["", .array([])])),
      ("t_max_predict_ms", .refused("A limit of time is", unless: [0, -1])),
      ("n_indent", .refused("A limit of indentation is", unless: [0])),
      ("truncate_prompt_tokens", .refused("Truncation of the prompt is", unless: [])),
      ("session_params", .refused("Continuation of a session is", unless: [])),
      ("image_data", .refused("Image input is", unless: [.array([])])),
      ("images", .refused("Image input is", unless: [.array([])])),
    ]

  /// Fields for what a response tells, and how.
  private static let forms: [Field] =
    all(
      .refused("Ids of tokens in the response are", unless: [false]), "return_token_ids", "return_prompt_token_ids",
      "return_tokens")
    + [
      ("detokenize", .refused("A response without text is", unless: [true])),
      ("logprob_token_ids", .refused("Log-probabilities of chosen tokens are", unless: [])),
      ("post_sampling_probs", .refused("Probabilities after sampling are", unless: [false])),
      ("return_hidden_states", .refused("Hidden states in the response are", unless: [false])),
      ("return_routed_experts", .refused("Experts in the response are", unless: [false])),
      ("return_prompt_text", .refused("The prompt in the response is", unless: [false])),
      ("return_meta_info", .refused("return_meta_info is", unless: [false])),
    ]

  /// Members of Ollama's `options` with the fields that they are read or refused as. All others are settings of a server
  /// (`num_ctx`, `num_thread`, …).
  static let options: [(name: String, field: String)] =
    [
      "temperature", "top_k", "top_p", "min_p", "typical_p", "tfs_z", "seed", "stop", "repeat_last_n",
      "presence_penalty", "frequency_penalty", "mirostat",
    ].map { ($0, $0) } + [
      ("num_predict", "max_tokens"), ("repeat_penalty", "repetition_penalty"), ("num_keep", "n_keep"),
    ]

  static func all(_ use: Use, _ names: String...) -> [Field] { names.map { ($0, use) } }
}

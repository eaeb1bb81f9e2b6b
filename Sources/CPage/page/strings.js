// Everything that the pages say, in English and in Traditional Chinese.

const texts = {
  en: {
    chat: "Chat", dashboard: "Dashboard", conversations: "Conversations", menu: "Conversations", settings: "Settings",
    newConversation: "New conversation", search: "Search conversations", untitled: "New conversation",
    exportAll: "Export", importFile: "Import", remove: "Delete “{title}”", removeAsk: "Delete “{title}”? This cannot be undone.",
    imported: "Conversations imported: {count}", notImported: "This file holds no conversations of this page.",
    nothingFound: "Nothing found", model: "Model", noModel: "No model yet", loading: "The model is being loaded …",
    message: "Message", placeholder: "Ask something", send: "Send", stop: "Stop", close: "Close", done: "Done",
    thinking: "Thinking", thinkingAuto: "Thinking: as the model likes", thinkingOn: "Thinking: on", thinkingOff: "Thinking: off",
    effortLow: "Thinking: low effort", effortMedium: "Thinking: medium effort", effortHigh: "Thinking: high effort",
    you: "You", assistant: "Answer", toolResult: "Result of the tool", copy: "Copy", copied: "Copied", edit: "Edit",
    again: "Answer again", previous: "Previous version", next: "Next version", version: "{index} of {count}",
    save: "Save", saveAndSend: "Send", cancel: "Cancel", editText: "Edit the message",
    reasoning: "Reasoning", reasoningNow: "Reasoning …", reasoned: "{words} characters, {seconds} s",
    writing: "The answer is being written.", written: "The answer is complete.", stopped: "Stopped", wasStopped: "The answer was stopped.",
    cutOff: "The answer ended at the limit of its length.", failed: "No answer: {message}", connectionLost: "the connection was lost",
    tokens: "{count} tokens", rate: "{count} tokens/s", firstToken: "first token {seconds} s", cached: "{count} of {all} prompt tokens cached",
    toolCall: "Call of {name}", giveResult: "Result of {name}", sendResults: "Send results",
    welcome: "What shall the model work out?", hint: "Three puzzles that the bundled model solves:",
    system: "System prompt", systemHint: "Instructions for this conversation; empty for none.",
    sampling: "Sampling", samplingHint: "An empty field is the model's own default, which it shows.", reset: "Back to defaults",
    temperature: "Temperature", top_p: "Top p", top_k: "Top k", min_p: "Min p", repetition_penalty: "Repetition penalty",
    presence_penalty: "Presence penalty", frequency_penalty: "Frequency penalty", seed: "Seed", max_tokens: "Tokens at most",
    none: "none", asMuch: "no limit",
    structured: "Structured output", structuredOn: "Answers follow this schema", schemaJSON: "JSON Schema",
    addField: "Add a field", fieldName: "Name", fieldType: "Type", required: "required", removeField: "Remove the field {name}",
    choices: "Choices, separated by commas", schemaWrong: "Not valid: {message}", schemaFields: "Fields of the answer",
    schemaByHand: "This schema has more than the fields above can show; edit it here.",
    typeText: "text", typeNumber: "number", typeInteger: "integer", typeBoolean: "yes or no", typeList: "list of texts", typeChoice: "one of",
    tools: "Tools", toolsHint: "A JSON array of tools as the API has them; empty for none.",
    access: "Access", apiKey: "API key", keyHint: "Kept in this browser and sent to this server alone.", keyWanted: "The server wants an API key.",
    language: "Language", shortcuts: "Keys", keySend: "send", keyLine: "new line", keyStop: "stop, close", keyNew: "new conversation",
    keySearch: "search", keySettings: "settings", keyFocus: "to the message", table: "Table", skip: "To the message field",
    back: "Back to the chat", live: "live", connecting: "connecting …", throughput: "Throughput", throughputUnit: "tokens/s",
    promptTokens: "prompt", generatedTokens: "generated", firstTokenTime: "Time to first token", interToken: "Between tokens",
    requests: "Requests", running: "running", waiting: "waiting", stepRows: "Rows of a step", prefillRows: "prompt rows", decodes: "decodes",
    memoryUse: "State in use", pages: "pages", states: "states", cacheEntries: "Prefix cache, entries", memory: "Memory of state",
    kv: "pages", state: "states", cold_state: "8-bit states", hits: "Prompt tokens looked up", hit: "found",
    no_kv: "no such prefix", no_state: "no state", evicted: "given up", too_short: "too short",
    experts: "Experts' load", expertsHint: "Rows per expert since this page was opened; a stronger colour means more than an even share.",
    noExperts: "The model has no experts, or they have not worked yet.", layer: "Layer {layer}", expertCell: "Layer {layer}, expert {expert}: {rows} rows ({share} of an even share)",
    apiKeys: "API keys", refused: "refused", notLoaded: "{model} (not loaded)",
    lost: "Given up, per second", preempted: "requests that wait again", steps: "Steps per second",
    span: "Time shown", minutes: "{count} min", endings: "Requests that ended, per minute", stop_reason: "stop", length: "length", abort: "cancelled", error: "error",
    totals: "Since the start", shownAs: "{title}: {values}", seconds: "s", perStep: "rows", percent: "%", chartHint: "Latest values: {values}",
    perSecond: "tokens/s", underWay: "under way",
    usage: "Usage", reading: "reading …", asOf: "as of {time}", noKey: "no key", from: "From", to: "To", downloadCSV: "Download CSV",
    "range-day": "Last 24 hours", "range-week": "Last 7 days", "range-month": "Last 30 days", "range-custom": "From … to …",
    wrongOrder: "The last day lies before the first.", overTime: "Over time", measure: "Measure", asTable: "As a table", time: "Time",
    byKeyAndModel: "By key and model", sum: "All", tokensUsed: "Tokens", cachedTokens: "prompt, cached", readTokens: "prompt, computed",
    compute: "compute, s", cost: "cost", costIn: "cost, {currency}", example: "Example",
    nothingUsed: "Nothing was used in this time.", noPrices: "There are no prices: --prices names a file of them.",
    somePrices: "The cost is that of the models that have a price.",
    usageOff: "This server does not keep what keys and models use. --usage-db names the file to keep it in, --prices one of prices:",
  },
  "zh-Hant": {
    chat: "對話", dashboard: "儀表板", conversations: "對話紀錄", menu: "對話紀錄", settings: "設定",
    newConversation: "新對話", search: "搜尋對話", untitled: "新對話",
    exportAll: "匯出", importFile: "匯入", remove: "刪除「{title}」", removeAsk: "要刪除「{title}」嗎？刪除後無法復原。",
    imported: "已匯入 {count} 則對話", notImported: "這個檔案沒有本頁的對話。",
    nothingFound: "找不到", model: "模型", noModel: "尚無模型", loading: "模型載入中…",
    message: "訊息", placeholder: "問點什麼", send: "送出", stop: "停止", close: "關閉", done: "完成",
    thinking: "思考", thinkingAuto: "思考：由模型決定", thinkingOn: "思考：開", thinkingOff: "思考：關",
    effortLow: "思考：少", effortMedium: "思考：中", effortHigh: "思考：多",
    you: "你", assistant: "回答", toolResult: "工具結果", copy: "複製", copied: "已複製", edit: "編輯",
    again: "重新回答", previous: "上一個版本", next: "下一個版本", version: "第 {index} 個，共 {count} 個",
    save: "儲存", saveAndSend: "送出", cancel: "取消", editText: "編輯訊息",
    reasoning: "思考過程", reasoningNow: "思考中…", reasoned: "{words} 字，{seconds} 秒",
    writing: "正在回答。", written: "回答完成。", stopped: "已停止", wasStopped: "回答已停止。",
    cutOff: "回答達到長度上限而結束。", failed: "沒有回答：{message}", connectionLost: "連線中斷",
    tokens: "{count} 個詞元", rate: "每秒 {count} 個詞元", firstToken: "首個詞元 {seconds} 秒", cached: "提示的 {all} 個詞元中 {count} 個取自快取",
    toolCall: "呼叫 {name}", giveResult: "{name} 的結果", sendResults: "送出結果",
    welcome: "要讓模型算什麼？", hint: "內附模型會解的三道題：",
    system: "系統提示", systemHint: "這則對話的指示；留空表示沒有。",
    sampling: "取樣", samplingHint: "留空即採用模型的預設值（如欄中所示）。", reset: "回復預設",
    temperature: "溫度", top_p: "Top p", top_k: "Top k", min_p: "Min p", repetition_penalty: "重複懲罰",
    presence_penalty: "出現懲罰", frequency_penalty: "頻率懲罰", seed: "亂數種子", max_tokens: "詞元上限",
    none: "無", asMuch: "不限",
    structured: "結構化輸出", structuredOn: "回答須符合此結構", schemaJSON: "JSON Schema",
    addField: "新增欄位", fieldName: "名稱", fieldType: "型別", required: "必填", removeField: "移除欄位 {name}",
    choices: "選項，以逗號分隔", schemaWrong: "無效：{message}", schemaFields: "回答的欄位",
    schemaByHand: "此結構超出上方欄位所能表示，請在此編輯。",
    typeText: "文字", typeNumber: "數字", typeInteger: "整數", typeBoolean: "是或否", typeList: "文字清單", typeChoice: "其中之一",
    tools: "工具", toolsHint: "依 API 格式的工具 JSON 陣列；留空表示沒有。",
    access: "存取", apiKey: "API 金鑰", keyHint: "只存在這個瀏覽器，只送給這台伺服器。", keyWanted: "伺服器要求 API 金鑰。",
    language: "語言", shortcuts: "按鍵", keySend: "送出", keyLine: "換行", keyStop: "停止、關閉", keyNew: "新對話",
    keySearch: "搜尋", keySettings: "設定", keyFocus: "到訊息欄", table: "表格", skip: "跳到訊息欄",
    back: "回到對話", live: "即時", connecting: "連線中…", throughput: "吞吐量", throughputUnit: "詞元／秒",
    promptTokens: "提示", generatedTokens: "產生", firstTokenTime: "首個詞元時間", interToken: "詞元間隔",
    requests: "請求", running: "執行中", waiting: "等待中", stepRows: "每步列數", prefillRows: "提示列", decodes: "解碼",
    memoryUse: "使用中的狀態", pages: "頁", states: "狀態", cacheEntries: "前綴快取項目", memory: "狀態記憶體",
    kv: "頁", state: "狀態", cold_state: "8 位元狀態", hits: "查詢的提示詞元", hit: "命中",
    no_kv: "無此前綴", no_state: "無狀態", evicted: "已釋出", too_short: "太短",
    experts: "專家負載", expertsHint: "開啟本頁以來各專家的列數；顏色越濃，超出平均越多。",
    noExperts: "模型沒有專家，或專家尚未工作。", layer: "第 {layer} 層", expertCell: "第 {layer} 層，專家 {expert}：{rows} 列（平均的 {share}）",
    apiKeys: "API 金鑰", refused: "拒絕", notLoaded: "{model}（未載入）",
    lost: "每秒釋出", preempted: "退回等待的請求", steps: "每秒步數",
    span: "時間範圍", minutes: "{count} 分鐘", endings: "每分鐘結束的請求", stop_reason: "停止", length: "長度", abort: "取消", error: "錯誤",
    totals: "自啟動以來", shownAs: "{title}：{values}", seconds: "秒", perStep: "列", percent: "%", chartHint: "最新值：{values}",
    perSecond: "詞元／秒", underWay: "進行中",
    usage: "用量", reading: "讀取中…", asOf: "{time} 的資料", noKey: "無金鑰", from: "從", to: "到", downloadCSV: "下載 CSV",
    "range-day": "最近 24 小時", "range-week": "最近 7 天", "range-month": "最近 30 天", "range-custom": "自訂期間",
    wrongOrder: "結束日早於開始日。", overTime: "時間分布", measure: "項目", asTable: "以表格顯示", time: "時間",
    byKeyAndModel: "依金鑰與模型", sum: "合計", tokensUsed: "詞元", cachedTokens: "提示（快取）", readTokens: "提示（計算）",
    compute: "計算秒數", cost: "費用", costIn: "費用（{currency}）", example: "範例",
    nothingUsed: "這段期間沒有用量。", noPrices: "沒有價格：以 --prices 指定價格檔。",
    somePrices: "費用只包含有價格的模型。",
    usageOff: "這台伺服器不記錄金鑰與模型的用量。以 --usage-db 指定記錄檔，以 --prices 指定價格檔：",
  },
};

const storageName = "infer-serve.language";

export const languages = { en: "English", "zh-Hant": "繁體中文" };

/** The language that was chosen, or else the first of the browser's that is here. */
export const language = (() => {
  const chosen = localStorage.getItem(storageName);
  if (chosen in texts) return chosen;
  for (const name of navigator.languages) {
    if (/^zh\b/i.test(name)) return "zh-Hant";
    if (/^en\b/i.test(name)) return "en";
  }
  return "en";
})();

export function choose(name) {
  localStorage.setItem(storageName, name);
  location.reload();
}

/** A text, with values in place of their names. */
export function t(name, values = {}) {
  const text = texts[language][name];
  if (text === undefined) throw new Error(`no text ${name}`);
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

/** A number as the language writes it. */
export const number = (value, digits = 0) =>
  value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** A time as the language writes it. */
export const date = (value, parts) => value.toLocaleString(language, parts);

/** Fills in the texts of the page's own elements: their content, label or placeholder. */
export function fillIn() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", t(element.dataset.label));
    if (element.tagName === "BUTTON" || element.tagName === "A") element.title = t(element.dataset.label);
  }
  for (const element of document.querySelectorAll("[data-placeholder]")) element.placeholder = t(element.dataset.placeholder);
}

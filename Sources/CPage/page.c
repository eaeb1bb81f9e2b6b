#include "CPage.h"

static const unsigned char index_html[] = {
#embed "page/index.html"
};
static const unsigned char dashboard_html[] = {
#embed "page/dashboard.html"
};
static const unsigned char usage_html[] = {
#embed "page/usage.html"
};
static const unsigned char style_css[] = {
#embed "page/style.css"
};
static const unsigned char dashboard_css[] = {
#embed "page/dashboard.css"
};
static const unsigned char main_js[] = {
#embed "page/main.js"
};
static const unsigned char strings_js[] = {
#embed "page/strings.js"
};
static const unsigned char dom_js[] = {
#embed "page/dom.js"
};
static const unsigned char api_js[] = {
#embed "page/api.js"
};
static const unsigned char store_js[] = {
#embed "page/store.js"
};
static const unsigned char conversation_js[] = {
#embed "page/conversation.js"
};
static const unsigned char markdown_js[] = {
#embed "page/markdown.js"
};
static const unsigned char mathematics_js[] = {
#embed "page/mathematics.js"
};
static const unsigned char turns_js[] = {
#embed "page/turns.js"
};
static const unsigned char generation_js[] = {
#embed "page/generation.js"
};
static const unsigned char composer_js[] = {
#embed "page/composer.js"
};
static const unsigned char sidebar_js[] = {
#embed "page/sidebar.js"
};
static const unsigned char settings_js[] = {
#embed "page/settings.js"
};
static const unsigned char schema_js[] = {
#embed "page/schema.js"
};
static const unsigned char puzzles_js[] = {
#embed "page/puzzles.js"
};
static const unsigned char dashboard_js[] = {
#embed "page/dashboard.js"
};
static const unsigned char readings_js[] = {
#embed "page/readings.js"
};
static const unsigned char charts_js[] = {
#embed "page/charts.js"
};
static const unsigned char heatmap_js[] = {
#embed "page/heatmap.js"
};
static const unsigned char keyform_js[] = {
#embed "page/keyform.js"
};
static const unsigned char usage_js[] = {
#embed "page/usage.js"
};
static const unsigned char ranges_js[] = {
#embed "page/ranges.js"
};
static const unsigned char bars_js[] = {
#embed "page/bars.js"
};
static const unsigned char vendor_marked_js[] = {
#embed "page/vendor/marked.js"
};
static const unsigned char vendor_katex_js[] = {
#embed "page/vendor/katex.js"
};
static const unsigned char vendor_licenses_txt[] = {
#embed "page/vendor/LICENSES.txt"
};

#define HTML "text/html; charset=utf-8"
#define CSS "text/css; charset=utf-8"
#define SCRIPT "text/javascript; charset=utf-8"
#define TEXT "text/plain; charset=utf-8"

static const cpage_file files[] = {
    {"index.html", HTML, index_html, sizeof index_html},
    {"dashboard.html", HTML, dashboard_html, sizeof dashboard_html},
    {"usage.html", HTML, usage_html, sizeof usage_html},
    {"page/style.css", CSS, style_css, sizeof style_css},
    {"page/dashboard.css", CSS, dashboard_css, sizeof dashboard_css},
    {"page/main.js", SCRIPT, main_js, sizeof main_js},
    {"page/strings.js", SCRIPT, strings_js, sizeof strings_js},
    {"page/dom.js", SCRIPT, dom_js, sizeof dom_js},
    {"page/api.js", SCRIPT, api_js, sizeof api_js},
    {"page/store.js", SCRIPT, store_js, sizeof store_js},
    {"page/conversation.js", SCRIPT, conversation_js, sizeof conversation_js},
    {"page/markdown.js", SCRIPT, markdown_js, sizeof markdown_js},
    {"page/mathematics.js", SCRIPT, mathematics_js, sizeof mathematics_js},
    {"page/turns.js", SCRIPT, turns_js, sizeof turns_js},
    {"page/generation.js", SCRIPT, generation_js, sizeof generation_js},
    {"page/composer.js", SCRIPT, composer_js, sizeof composer_js},
    {"page/sidebar.js", SCRIPT, sidebar_js, sizeof sidebar_js},
    {"page/settings.js", SCRIPT, settings_js, sizeof settings_js},
    {"page/schema.js", SCRIPT, schema_js, sizeof schema_js},
    {"page/puzzles.js", SCRIPT, puzzles_js, sizeof puzzles_js},
    {"page/dashboard.js", SCRIPT, dashboard_js, sizeof dashboard_js},
    {"page/readings.js", SCRIPT, readings_js, sizeof readings_js},
    {"page/charts.js", SCRIPT, charts_js, sizeof charts_js},
    {"page/heatmap.js", SCRIPT, heatmap_js, sizeof heatmap_js},
    {"page/keyform.js", SCRIPT, keyform_js, sizeof keyform_js},
    {"page/usage.js", SCRIPT, usage_js, sizeof usage_js},
    {"page/ranges.js", SCRIPT, ranges_js, sizeof ranges_js},
    {"page/bars.js", SCRIPT, bars_js, sizeof bars_js},
    {"page/vendor/marked.js", SCRIPT, vendor_marked_js, sizeof vendor_marked_js},
    {"page/vendor/katex.js", SCRIPT, vendor_katex_js, sizeof vendor_katex_js},
    {"page/vendor/LICENSES.txt", TEXT, vendor_licenses_txt, sizeof vendor_licenses_txt},
};

const cpage_file *const cpage_files = files;
const size_t cpage_file_count = sizeof files / sizeof *files;

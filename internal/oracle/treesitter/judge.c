// judge LIBRARY SYMBOL QUERY prints what a grammar of tree-sitter finds in files. Their paths come on standard input, one a line.
// For each file: "file PATH", then "error ROW ROW" for each stretch of rows (from 0) that was not understood, then
// "NAME ROW START END" for each capture of the query, NAME as in the query and START, END in bytes.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tree_sitter/api.h>

static char *slurp(const char *path, size_t *size) {
	FILE *f = fopen(path, "rb");
	if (!f) return NULL;
	fseek(f, 0, SEEK_END);
	*size = ftell(f);
	rewind(f);
	char *text = malloc(*size + 1);
	if (fread(text, 1, *size, f) != *size) exit(1);
	text[*size] = 0;
	fclose(f);
	return text;
}

static void errors(TSNode root) {
	TSTreeCursor c = ts_tree_cursor_new(root);
	for (;;) {
		TSNode n = ts_tree_cursor_current_node(&c);
		bool bad = ts_node_is_error(n) || ts_node_is_missing(n);
		if (bad) printf("error %u %u\n", ts_node_start_point(n).row, ts_node_end_point(n).row);
		if (!bad && ts_node_has_error(n) && ts_tree_cursor_goto_first_child(&c)) continue;
		while (!ts_tree_cursor_goto_next_sibling(&c)) {
			if (!ts_tree_cursor_goto_parent(&c)) {
				ts_tree_cursor_delete(&c);
				return;
			}
		}
	}
}

int main(int argc, char **argv) {
	if (argc != 4) return 2;
	void *library = dlopen(argv[1], RTLD_NOW);
	if (!library) return fprintf(stderr, "%s\n", dlerror()), 1;
	const TSLanguage *(*grammar)(void) = (const TSLanguage *(*)(void))dlsym(library, argv[2]);
	if (!grammar) return fprintf(stderr, "%s\n", dlerror()), 1;
	TSParser *parser = ts_parser_new();
	if (!ts_parser_set_language(parser, grammar())) return fprintf(stderr, "the grammar is of another version\n"), 1;
	size_t size;
	char *text = slurp(argv[3], &size);
	if (!text) return fprintf(stderr, "no query %s\n", argv[3]), 1;
	uint32_t offset;
	TSQueryError kind;
	TSQuery *query = ts_query_new(grammar(), text, size, &offset, &kind);
	if (!query) return fprintf(stderr, "%s: error %d at byte %u: %.40s\n", argv[3], kind, offset, text + offset), 1;
	TSQueryCursor *cursor = ts_query_cursor_new();
	char path[8192];
	while (fgets(path, sizeof path, stdin)) {
		path[strcspn(path, "\n")] = 0;
		text = slurp(path, &size);
		if (!text) return fprintf(stderr, "no file %s\n", path), 1;
		printf("file %s\n", path);
		TSTree *tree = ts_parser_parse_string(parser, NULL, text, size);
		TSNode root = ts_tree_root_node(tree);
		if (ts_node_has_error(root)) errors(root);
		ts_query_cursor_exec(cursor, query, root);
		TSQueryMatch match;
		uint32_t at;
		while (ts_query_cursor_next_capture(cursor, &match, &at)) {
			TSQueryCapture found = match.captures[at];
			uint32_t length;
			const char *name = ts_query_capture_name_for_id(query, found.index, &length);
			printf("%.*s %u %u %u\n", (int)length, name, ts_node_start_point(found.node).row, ts_node_start_byte(found.node), ts_node_end_byte(found.node));
		}
		ts_tree_delete(tree);
		free(text);
	}
	return 0;
}

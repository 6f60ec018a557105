; The name is the innermost declarator, whatever is around it.
(function_definition type: (_) declarator: [
  (function_declarator declarator: (identifier) @function)
  (function_declarator declarator: (parenthesized_declarator (identifier) @function))
  (pointer_declarator declarator: (function_declarator declarator: (identifier) @function))
  (pointer_declarator declarator: (pointer_declarator declarator: (function_declarator declarator: (identifier) @function)))
  (pointer_declarator declarator: (pointer_declarator declarator: (pointer_declarator declarator: (function_declarator declarator: (identifier) @function))))
])
; Without a type it is the call of a macro, as TEST(name) { … }, or C from before 1989.
(function_definition !type declarator: (function_declarator declarator: (identifier) @function_maybe))
; A prototype declares a function and has no body.
(declaration declarator: [
  (function_declarator declarator: (identifier) @function_maybe)
  (function_declarator declarator: (parenthesized_declarator (identifier) @function_maybe))
  (pointer_declarator declarator: (function_declarator declarator: (identifier) @function_maybe))
  (pointer_declarator declarator: (pointer_declarator declarator: (function_declarator declarator: (identifier) @function_maybe)))
])
(preproc_function_def name: (identifier) @function_maybe)
(struct_specifier name: (type_identifier) @type body: (_))
(union_specifier name: (type_identifier) @type body: (_))
(enum_specifier name: (type_identifier) @type body: (_))
(struct_specifier name: (type_identifier) @type_maybe)
(type_definition declarator: (type_identifier) @type)
(type_definition declarator: [
  (pointer_declarator declarator: (type_identifier) @type)
  (array_declarator declarator: (type_identifier) @type)
  (function_declarator declarator: (parenthesized_declarator (pointer_declarator declarator: (type_identifier) @type)))
  (function_declarator declarator: (type_identifier) @type)
])

(method_declaration name: (identifier) @function)
(constructor_declaration name: (identifier) @function)
(local_function_statement name: (identifier) @function)
(destructor_declaration name: (identifier) @function_maybe)
; Accessors have statements, yet no name of their own.
(property_declaration name: (identifier) @function_maybe)
(event_declaration name: (identifier) @function_maybe)
(class_declaration name: (identifier) @type)
(interface_declaration name: (identifier) @type)
(struct_declaration name: (identifier) @type)
(record_declaration name: (identifier) @type)
(enum_declaration name: (identifier) @type)
; A delegate is a type; ctags takes it for a method.
(delegate_declaration name: (identifier) @type_maybe)

(method name: (_) @function)
(singleton_method name: (_) @function)
(class name: [(constant) @type (scope_resolution name: (constant) @type)])
(module name: [(constant) @type (scope_resolution name: (constant) @type)])
; attr_reader :a and the like make methods, and alias gives one another name.
(call method: (identifier) arguments: (argument_list (simple_symbol) @function_maybe))
(alias name: (_) @function_maybe)
; Struct.new and Class.new make a class that is held by a constant.
(assignment left: (constant) @type_maybe right: [(call) (identifier)])

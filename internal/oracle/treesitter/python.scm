(function_definition name: (identifier) @function)
(class_definition name: (identifier) @type)
; A lambda bound to a name, which neither judge counts.
(assignment left: [(identifier) @function_maybe (attribute attribute: (identifier) @function_maybe)] right: (lambda))

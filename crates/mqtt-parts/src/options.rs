//! Structs of options, to which a field can be added without breaking whoever fills them in.

/// Makes a struct of options: nobody else can name all of its fields, and each has a setter under its name, as in
/// `Options::new().field(value)`. Where each field has a default behind `=`, the struct has them as its `Default`.
#[macro_export]
macro_rules! options {
    ($(#[$about:meta])* pub struct $name:ident {
        $($(#[$about_field:meta])* pub $field:ident: $type:ty $(= $default:expr)?,)*
    }) => {
        $(#[$about])*
        #[non_exhaustive]
        pub struct $name {
            $($(#[$about_field])* pub $field: $type,)*
        }

        /// Setters, each under the name of its field.
        impl $name {
            $(#[doc = concat!("Sets [`", stringify!($name), "::", stringify!($field), "`](#structfield.", stringify!($field), ").")]
            #[must_use]
            pub fn $field(mut self, $field: $type) -> $name {
                self.$field = $field;
                self
            })*
        }

        $crate::options! { @default $name { $($field $(= $default)?,)* } }
    };
    (@default $name:ident { $($field:ident = $default:expr,)* }) => {
        impl Default for $name {
            fn default() -> $name {
                $name { $($field: $default,)* }
            }
        }
    };
    (@default $name:ident { $($field:ident,)* }) => {};
}

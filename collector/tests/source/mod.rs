//! What a source file refers to: paths in `use` lines, in expressions and types, in macros, and string literals.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};
use syn::{spanned::Spanned, visit::Visit};

#[derive(Debug)]
pub struct SourceFile {
    pub path: PathBuf,
    /// From the root of the crate; empty for `lib.rs`.
    module: Vec<String>,
    pub references: Vec<Reference>,
}

#[derive(Debug)]
pub struct Reference {
    pub line: usize,
    target: Target,
}

#[derive(Debug)]
enum Target {
    /// From the root of the crate.
    Own(Vec<String>),
    /// Begins with a name that is not `crate`, `self` or `super`: a crate, or a name in scope.
    Outside(String),
    Text(String),
}

impl SourceFile {
    /// `main` and `lib` for the roots themselves.
    pub fn root_module(&self) -> &str {
        self.module.first().map_or("lib", String::as_str)
    }
}

impl Reference {
    /// The module at the root of the crate that is referred to.
    pub fn own_module(&self) -> Option<&str> {
        match &self.target {
            Target::Own(path) => path.first().map(String::as_str),
            _ => None,
        }
    }

    pub fn library(&self) -> Option<&str> {
        match &self.target {
            Target::Outside(name) => Some(name),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&str> {
        match &self.target {
            Target::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Every file of the collector's source.
pub fn files() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &[], &mut files);
    files
}

fn collect(directory: &Path, module: &[&str], files: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(directory).expect("the source can be read") {
        let path = entry.expect("the source can be read").path();
        let stem = path
            .file_stem()
            .expect("name")
            .to_string_lossy()
            .into_owned();
        let mut module = module.to_vec();
        if !matches!(stem.as_str(), "mod" | "lib") {
            module.push(&stem);
        }
        if path.is_dir() {
            collect(&path, &module, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let code = fs::read_to_string(&path).expect("the source can be read");
            let references = references(&code, &module);
            let module = module.iter().map(|name| (*name).to_owned()).collect();
            files.push(SourceFile {
                path,
                module,
                references,
            });
        }
    }
}

/// What a file of this module refers to.
pub fn references(code: &str, module: &[&str]) -> Vec<Reference> {
    let file = syn::parse_file(code).expect("the source parses");
    let module = module.iter().map(|name| (*name).to_owned()).collect();
    let mut collector = Collector {
        module,
        references: Vec::new(),
    };
    collector.visit_file(&file);
    collector.references
}

struct Collector {
    module: Vec<String>,
    references: Vec<Reference>,
}

impl Collector {
    fn path(&mut self, line: usize, segments: &[String]) {
        let Some((first, rest)) = segments.split_first() else {
            return;
        };
        let mut base = match first.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => self.module.clone(),
            _ => {
                let target = Target::Outside(first.clone());
                self.references.push(Reference { line, target });
                return;
            }
        };
        if first == "super" {
            base.pop();
        }
        for segment in rest {
            match segment.as_str() {
                "super" => drop(base.pop()),
                "self" => {}
                name => base.push(name.to_owned()),
            }
        }
        self.references.push(Reference {
            line,
            target: Target::Own(base),
        });
    }

    fn use_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let mut path = before.to_vec();
        let last = match tree {
            syn::UseTree::Path(inner) => {
                path.push(inner.ident.to_string());
                return self.use_tree(&path, &inner.tree);
            }
            syn::UseTree::Group(group) => {
                return group
                    .items
                    .iter()
                    .for_each(|tree| self.use_tree(before, tree));
            }
            syn::UseTree::Name(name) => Some(name.ident.to_string()),
            syn::UseTree::Rename(rename) => Some(rename.ident.to_string()),
            syn::UseTree::Glob(_) => None,
        };
        path.extend(last);
        self.path(tree.span().start().line, &path);
    }

    /// Macros' arguments need not be Rust: names joined by `::` count as a path, wherever they stand.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if !path.is_empty() && colons == 2 => {
                    path.push(name.to_string())
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' && !path.is_empty() => {
                    colons += 1;
                    continue;
                }
                other => {
                    self.macro_path(line, &std::mem::take(&mut path));
                    line = other.span().start().line;
                    match other {
                        TokenTree::Ident(name) => path.push(name.to_string()),
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        TokenTree::Literal(literal) => self.text(line, literal.to_string()),
                        TokenTree::Punct(_) => {}
                    }
                }
            }
            colons = 0;
        }
        self.macro_path(line, &path);
    }

    fn macro_path(&mut self, line: usize, path: &[String]) {
        if path.len() > 1 {
            self.path(line, path);
        }
    }

    fn text(&mut self, line: usize, literal: String) {
        if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal) {
            self.references.push(Reference {
                line,
                target: Target::Text(text.value()),
            });
        }
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        syn::visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        // A single name is something in scope, which a `use` line has brought there.
        if path.segments.len() > 1 {
            let segments: Vec<_> = path
                .segments
                .iter()
                .map(|part| part.ident.to_string())
                .collect();
            self.path(path.span().start().line, &segments);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        syn::visit::visit_macro(self, call);
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        let line = literal.span().start().line;
        self.references.push(Reference {
            line,
            target: Target::Text(literal.value()),
        });
    }

    /// Documentation is text of another kind.
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

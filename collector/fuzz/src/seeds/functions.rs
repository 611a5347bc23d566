//! A table of a few of an executable's functions, with their lines, inlined calls and stack maps.

use super::{align, put, put_long, text, varint, word};
use crate::{
    golang::{layout::Layout, pclntab::Header},
    memory::TEXT,
    model::binary::{GoBinary, VirtualAddress},
};

const NO_DATA: u32 = u32::MAX;

/// The tables of a whole executable.
pub struct Original<'a> {
    binary: &'a GoBinary,
    layout: &'static Layout,
    names: &'a [u8],
    units: &'a [u8],
    files: &'a [u8],
    values: &'a [u8],
    functions: &'a [u8],
    count: usize,
}

impl<'a> Original<'a> {
    pub fn of(binary: &'a GoBinary) -> Self {
        let image = &binary.image;
        let header = Header::read(image, binary.layout, binary.pclntab).expect("a header");
        let table = |start| {
            let rest = image.read_to_segment_end(VirtualAddress(start));
            rest.expect("a table")
        };
        Self {
            binary,
            layout: binary.layout,
            names: table(header.names),
            units: table(header.compilation_units),
            files: table(header.files),
            values: table(header.values),
            functions: table(header.functions),
            count: header.function_count,
        }
    }

    /// Begin and end of its code, and its structure.
    fn find(&self, name: &str) -> Option<(u32, u32, &'a [u8])> {
        (0..self.count).find_map(|index| {
            let entry = index * 8;
            let structure = &self.functions[word(self.functions, entry + 4) as usize..];
            let own = text(self.names, word(structure, self.layout.func.name) as usize);
            let (start, end) = (word(self.functions, entry), word(self.functions, entry + 8));
            (own == name).then_some((start, end, structure))
        })
    }

    fn data(&self, offset: u32, length: usize) -> &'a [u8] {
        let address = VirtualAddress(self.binary.function_data.0 + u64::from(offset));
        let data = self.binary.image.read(address, length as u64);
        data.expect("function data")
    }
}

/// A smaller table in the making.
#[derive(Default)]
pub struct Tables {
    names: Vec<u8>,
    units: Vec<u8>,
    files: Vec<u8>,
    values: Vec<u8>,
    structures: Vec<(u32, Vec<u8>)>,
    /// What function data points into.
    pub data: Vec<u8>,
    pub code: Vec<u8>,
}

impl Tables {
    /// Those of the named functions that the executable has.
    pub fn of(original: &Original<'_>, names: &[&str]) -> Self {
        let mut tables = Self {
            values: vec![0], // An offset of zero means no table.
            ..Self::default()
        };
        names.iter().for_each(|name| tables.add(original, name));
        tables
    }

    fn add(&mut self, original: &Original<'_>, name: &str) {
        let Some((start, end, structure)) = original.find(name) else {
            return;
        };
        let layout = &original.layout.func;
        let pcdata = word(structure, layout.npcdata) as usize;
        let funcdata = usize::from(structure[layout.nfuncdata]);
        let mut own = structure[..layout.size + 4 * (pcdata + funcdata)].to_vec();
        let begin = self.code.len() as u32;
        put(&mut own, layout.entry, begin);
        put(&mut own, layout.name, self.name(name));
        let unit = word(structure, layout.cu_offset) as usize;
        let numbers = self.copy(original, &mut own, layout.pcfile);
        put(
            &mut own,
            layout.cu_offset,
            self.files(original, unit, &numbers),
        );
        self.copy(original, &mut own, layout.pcsp);
        self.copy(original, &mut own, layout.pcln);
        let kinds: Vec<Vec<i32>> = (0..pcdata)
            .map(|kind| self.copy(original, &mut own, layout.size + 4 * kind))
            .collect();
        for kind in 0..funcdata {
            let field = layout.size + 4 * (pcdata + kind);
            let calls = kinds.get(2).and_then(|inlined| inlined.iter().max());
            let offset = self.function_data(original, kind, word(&own, field), calls.copied());
            put(&mut own, field, offset);
        }
        let code = VirtualAddress(original.binary.text.start + u64::from(start));
        let code = original.binary.image.read(code, u64::from(end - start));
        self.code.extend(code.expect("code"));
        self.structures.push((begin, own));
    }

    fn name(&mut self, name: &str) -> u32 {
        let offset = self.names.len() as u32;
        self.names.extend(name.as_bytes());
        self.names.push(0);
        offset
    }

    /// Copies the table of values whose offset stands at `field`; its values.
    fn copy(&mut self, original: &Original<'_>, own: &mut [u8], field: usize) -> Vec<i32> {
        let offset = word(own, field) as usize;
        if offset == 0 {
            return Vec::new();
        }
        let table = &original.values[offset..];
        let (mut at, mut value, mut values) = (0, -1, Vec::new());
        loop {
            let (delta, length) = varint(&table[at..]);
            at += length;
            if delta == 0 && !values.is_empty() {
                break;
            }
            value += (delta >> 1) as i32 ^ -((delta & 1) as i32);
            values.push(value);
            at += varint(&table[at..]).1;
        }
        put(own, field, self.values.len() as u32);
        self.values.extend(&table[..at]);
        values
    }

    /// A unit of its own, with those files that are named.
    fn files(&mut self, original: &Original<'_>, unit: usize, numbers: &[i32]) -> u32 {
        let first = self.units.len();
        let most = numbers.iter().copied().max().unwrap_or(0).max(0) as usize;
        self.units.resize(first + 4 * (most + 1), 0xff);
        for number in numbers.iter().filter(|number| **number >= 0) {
            let number = *number as usize;
            let path = text(
                original.files,
                word(original.units, 4 * (unit + number)) as usize,
            );
            let offset = self.files.len() as u32;
            self.files.extend(path.as_bytes());
            self.files.push(0);
            put(&mut self.units, first + 4 * number, offset);
        }
        (first / 4) as u32
    }

    /// Stack maps, stack objects and inlined calls; the rest is not read.
    fn function_data(
        &mut self,
        original: &Original<'_>,
        kind: usize,
        offset: u32,
        last_call: Option<i32>,
    ) -> u32 {
        if offset == NO_DATA || kind > 3 {
            return NO_DATA;
        }
        let tree = original.layout.inline_tree;
        let length = match kind {
            0 | 1 => {
                let head = original.data(offset, 8);
                8 + word(head, 0) as usize * (word(head, 4) as usize).div_ceil(8)
            }
            2 => 8 + 16 * word(original.data(offset, 8), 0) as usize,
            _ => tree.size * (last_call.unwrap_or(-1) + 1) as usize,
        };
        let mut copy = original.data(offset, length).to_vec();
        if kind == 3 {
            for call in copy.chunks_exact_mut(tree.size) {
                let name = text(original.names, word(call, tree.name) as usize);
                let name = self.name(name);
                put(call, tree.name, name);
            }
        }
        align(&mut self.data, 8);
        let offset = self.data.len() as u32;
        self.data.extend(copy);
        offset
    }

    /// The table as it lies in memory. The addresses of its parts, from its beginning: names, compilation units, files, values,
    /// functions.
    pub fn table(&self, layout: &Layout) -> (Vec<u8>, [u64; 5]) {
        let mut table = vec![0; 72];
        put(&mut table, 0, layout.pclntab_magic);
        table[6] = 1;
        table[7] = 8;
        put_long(&mut table, 8, self.structures.len() as u64);
        put_long(&mut table, 24, TEXT);
        let mut parts = [0; 5];
        for (index, part) in [&self.names, &self.units, &self.files, &self.values]
            .into_iter()
            .enumerate()
        {
            parts[index] = table.len() as u64;
            table.extend(part);
            align(&mut table, 8);
        }
        parts[4] = table.len() as u64;
        table.extend(self.functions());
        align(&mut table, 8);
        for (index, part) in parts.iter().enumerate() {
            put_long(&mut table, 32 + 8 * index, *part);
        }
        (table, parts)
    }

    fn functions(&self) -> Vec<u8> {
        let mut table = vec![0; 8 * self.structures.len() + 8];
        for (index, (start, structure)) in self.structures.iter().enumerate() {
            let offset = table.len() as u32;
            put(&mut table, 8 * index, *start);
            put(&mut table, 8 * index + 4, offset);
            table.extend(structure);
        }
        put(
            &mut table,
            8 * self.structures.len(),
            self.code.len() as u32,
        );
        table
    }
}

//! The data dictionary in the form that REDCap imports: a CSV file with a line for each column of the table.

use std::io::Write;

use super::{EyeTable, columns::Form};

/// The columns of a REDCap data dictionary, in its order.
const HEADER: [&str; 18] = [
    "Variable / Field Name",
    "Form Name",
    "Section Header",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Field Note",
    "Text Validation Type OR Show Slider Number",
    "Text Validation Min",
    "Text Validation Max",
    "Identifier?",
    "Branching Logic (Show field only if...)",
    "Required Field?",
    "Custom Alignment",
    "Question Number (surveys only)",
    "Matrix Group Name",
    "Matrix Ranking?",
    "Field Annotation",
];
/// The instrument that the fields belong to.
const FORM: &str = "oct_layers";

/// Writes the dictionary of `table`.
///
/// # Errors
/// That of `out`.
pub fn write_dictionary(table: &EyeTable, out: impl Write) -> std::io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(HEADER)?;
    let mut section = "";
    for column in table.columns() {
        let (kind, choices, validation) = match column.form {
            Form::Text => ("text", String::new(), ""),
            Form::Integer => ("text", String::new(), "integer"),
            Form::Number => ("text", String::new(), "number"),
            Form::Date => ("text", String::new(), "date_ymd"),
            Form::DateTime => ("text", String::new(), "datetime_seconds_ymd"),
            Form::Choice(choices) => {
                let choices: Vec<String> = choices.iter().map(|(code, meaning)| format!("{code}, {meaning}")).collect();
                ("dropdown", choices.join(" | "), "")
            }
        };
        // A header stands above the first field of its section; the first field of a record has none.
        let is_new = section != column.section && column.name != "record_id";
        let heading = if is_new { column.section } else { "" };
        if is_new {
            section = column.section;
        }
        let identifies = if column.identifies { "y" } else { "" };
        let line = [&column.name, FORM, heading, kind, &column.label, &choices, "", validation, "", "", identifies];
        csv.write_record(line.into_iter().chain([""; HEADER.len() - 11]))?;
    }
    csv.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_complete_line() {
        let table = EyeTable::new(true);
        let mut bytes = Vec::new();
        write_dictionary(&table, &mut bytes).expect("written");
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        assert_eq!(reader.headers().expect("a header"), &HEADER[..]);
        let lines: Vec<csv::StringRecord> = reader.records().map(|line| line.expect("a line")).collect();
        assert_eq!(lines.len(), table.columns().len());
        let line = |name: &str| lines.iter().find(|line| &line[0] == name).expect("the column");
        let eye = line("eye");
        assert_eq!((&eye[1], &eye[3], &eye[5]), ("oct_layers", "dropdown", "OD, right eye | OS, left eye"));
        assert_eq!((&line("visit_date")[7], &line("cst_um")[7], &line("bscans")[7]), ("date_ymd", "number", "integer"));
        assert_eq!((&line("patient_id")[10], &line("subject")[10]), ("y", ""));
        assert_eq!(lines.iter().filter(|line| &line[2] == "Macula").count(), 1);
        let anonymous = EyeTable::new(false);
        assert!(anonymous.columns().iter().all(|column| !column.identifies));
    }
}

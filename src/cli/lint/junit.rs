//! JUnit XML, for the test reports of CI servers: `bpctl lint -o junit`.

use std::io;

use bpctl_core::model::{Diagnostic, Untrusted};
use bpctl_core::render::sink;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

/// One test a finding; those that `fails` says so of are failures, the rest is their output. Nothing found is one test that passed.
pub fn render(found: &[Diagnostic], fails: impl Fn(&Diagnostic) -> bool) -> io::Result<String> {
    let tests = found.len().max(1).to_string();
    let failures = found.iter().filter(|diagnostic| fails(diagnostic)).count().to_string();
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let counts = [("name", "bpctl lint"), ("tests", tests.as_str()), ("failures", failures.as_str())];
    writer.create_element("testsuites").with_attributes(counts).write_inner_content(|writer| {
        let suite = writer.create_element("testsuite").with_attributes(counts).with_attribute(("errors", "0"));
        suite.write_inner_content(|writer| {
            if found.is_empty() {
                writer
                    .create_element("testcase")
                    .with_attributes([("classname", "bpctl"), ("name", "lint")])
                    .write_empty()?;
            }
            found.iter().try_for_each(|diagnostic| test(writer, diagnostic, fails(diagnostic)))
        })?;
        Ok(())
    })?;
    String::from_utf8(writer.into_inner()).map_err(io::Error::other)
}

fn test(writer: &mut Writer<Vec<u8>>, diagnostic: &Diagnostic, fails: bool) -> io::Result<()> {
    let shown = |text: &str| sink::xml(&Untrusted::new(text));
    let place = diagnostic.labels.first().map_or_else(|| "bpctl.yaml".to_owned(), |label| label.span.to_string());
    let (code, place, message) = (shown(&diagnostic.code), shown(&place), shown(&diagnostic.message));
    let name = format!("{code} at {place}");
    let mut text = format!("{place}: {message}");
    for label in &diagnostic.labels {
        text.push_str(&format!("\n  {}: {}", shown(&label.span.to_string()), shown(&label.text)));
    }
    if let Some(help) = &diagnostic.help {
        text.push_str(&format!("\nhelp: {}", shown(help)));
    }
    let class = [("classname", code.as_str()), ("name", name.as_str())];
    writer.create_element("testcase").with_attributes(class).write_inner_content(|writer| {
        if fails {
            writer
                .create_element("failure")
                .with_attributes([("message", message.as_str()), ("type", super::word(diagnostic.severity))])
                .write_text_content(BytesText::new(&text))?;
        } else {
            writer.create_element("system-out").write_text_content(BytesText::new(&text))?;
        }
        Ok(())
    })?;
    Ok(())
}

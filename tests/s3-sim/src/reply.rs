//! An answer before it goes out: status, headers, body; and the errors of S3,
//! which are answers too.

use crate::content::Content;
use crate::xml::Document;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

/// What will be sent, still whole: faults spoil it afterwards.
#[derive(Debug)]
pub(crate) struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    Bytes(Vec<u8>),
    Content(Content),
}

impl Reply {
    pub(crate) fn empty(status: u16) -> Reply {
        Reply {
            status,
            headers: HeaderMap::new(),
            body: Body::Bytes(Vec::new()),
        }
    }

    pub(crate) fn xml(document: Document) -> Reply {
        let mut reply = Reply::empty(200);
        reply
            .headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        reply.body = Body::Bytes(document.finish());
        reply
    }

    /// With a header; a value that HTTP cannot carry is left out.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<str>) -> Reply {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_ref().as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            self.headers.insert(name, value);
        }
        self
    }

    pub(crate) fn with_some(self, name: &str, value: Option<impl AsRef<str>>) -> Reply {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

/// A refusal, in the words of S3.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
    pub headers: Vec<(&'static str, String)>,
    /// More of the document, behind code and message.
    pub elements: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Refusal {
        Refusal {
            status,
            code: code.to_owned(),
            message: message.into(),
            headers: Vec::new(),
            elements: Vec::new(),
        }
    }

    pub(crate) fn telling(mut self, element: &'static str, text: impl Into<String>) -> Refusal {
        self.elements.push((element, text.into()));
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Refusal {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn no_such_bucket() -> Refusal {
        Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist")
    }

    pub(crate) fn no_such_key() -> Refusal {
        Refusal::new(404, "NoSuchKey", "The specified key does not exist.")
    }

    pub(crate) fn no_such_version() -> Refusal {
        Refusal::new(
            404,
            "NoSuchVersion",
            "The specified version does not exist.",
        )
    }

    pub(crate) fn no_such_upload() -> Refusal {
        Refusal::new(
            404,
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may \
             have been aborted or completed.",
        )
    }

    pub(crate) fn access_denied() -> Refusal {
        Refusal::new(403, "AccessDenied", "Access Denied")
    }

    pub(crate) fn precondition_failed() -> Refusal {
        Refusal::new(
            412,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
        )
    }

    pub(crate) fn not_implemented() -> Refusal {
        Refusal::new(
            501,
            "NotImplemented",
            "A header you provided implies functionality that is not implemented",
        )
    }

    pub(crate) fn invalid_argument(message: impl Into<String>) -> Refusal {
        Refusal::new(400, "InvalidArgument", message)
    }

    pub(crate) fn invalid_request(message: impl Into<String>) -> Refusal {
        Refusal::new(400, "InvalidRequest", message)
    }

    pub(crate) fn malformed_xml() -> Refusal {
        Refusal::new(
            400,
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published \
             schema",
        )
    }

    pub(crate) fn slow_down() -> Refusal {
        Refusal::new(503, "SlowDown", "Please reduce your request rate.")
    }

    pub(crate) fn internal_error() -> Refusal {
        Refusal::new(
            500,
            "InternalError",
            "We encountered an internal error. Please try again.",
        )
    }

    pub(crate) fn document(&self, request_id: &str, host_id: &str) -> Vec<u8> {
        let mut document = Document::error();
        document.text("Code", &self.code);
        document.text("Message", &self.message);
        for (name, text) in &self.elements {
            document.text(name, text);
        }
        document.text("RequestId", request_id);
        document.text("HostId", host_id);
        document.finish()
    }
}

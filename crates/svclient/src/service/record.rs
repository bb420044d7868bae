//! The record of a service directory: reading it whole, and checking it.

use svproto::{
    DecodeError, Dialect, Facts, Record, files,
    s6::tally::{Death, Tally},
};

use super::{Service, require_directory};
use crate::{
    Error,
    at::At,
    node::{self, RecordBytes},
};

impl Service {
    /// The record that a supervisor published last, alone: whether that supervisor still lives is not
    /// asked, and a dead one leaves a record that looks alive. [`Service::status`] asks. `None` if
    /// there is no record yet.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// use svclient::Service;
    ///
    /// assert_eq!(Service::open(&dir)?.record()?, None, "no supervisor has written one");
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Service::status`].
    pub fn record(&self) -> Result<Option<Record>, Error> {
        let dialect = self.dialect();
        let result = self.record_by(dialect);
        if matches!(result, Err(Error::Malformed { .. })) {
            // Another suite may have taken over.
            let now = self.dialect_now();
            if now != dialect {
                return self.record_by(now);
            }
        }
        if matches!(result, Ok(None)) {
            require_directory(&self.handle)?;
        }
        result
    }

    /// The status of a logger that shares its service's record (daemontools-encore with a `log`
    /// script); `None` everywhere else. Only meaningful while the service is supervised.
    ///
    /// # Errors
    ///
    /// As [`Service::status`].
    pub fn log_facts(&self) -> Result<Option<Facts>, Error> {
        if self.dialect() != Some(Dialect::Encore) {
            return Ok(None);
        }
        Ok(self.read_record(Dialect::Encore)?.and_then(|record| record.log_facts()))
    }

    /// The last deaths of the service, oldest first, since its supervisor started; s6 keeps at most
    /// as many as `max-death-tally` says. Empty in every other dialect.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`], [`Error::Denied`] or [`Error::Io`]. That there is no tally is no error.
    pub fn deaths(&self) -> Result<Vec<Death>, Error> {
        let limit = Death::LEN * Death::MAX_COUNT;
        let bytes = node::read_at_most(&self.handle.at(files::DEATH_TALLY), limit as u64)?;
        Ok(Tally::new(&bytes.unwrap_or_default()).collect())
    }

    /// The record; `None` if a supervisor has not published one yet.
    pub(super) fn record_by(&self, dialect: Option<Dialect>) -> Result<Option<Record>, Error> {
        self.record_in(None, dialect)
    }

    /// The same of bytes that were read already, if they were. Where these say whose they are, that goes before what
    /// the files beside them say; but not before what the caller says.
    pub(super) fn record_in(
        &self,
        bytes: Option<RecordBytes>,
        dialect: Option<Dialect>,
    ) -> Result<Option<Record>, Error> {
        let at = self.handle.at(files::STATUS);
        let Some(bytes) = bytes.map_or_else(|| node::read_record(&at), |it| Ok(Some(it)))? else {
            return Ok(None);
        };
        // A supervisor that answers in s6's way has not written these.
        let may_be_told = !self.believed && dialect != Some(Dialect::S6);
        let told = Dialect::of_record(bytes.as_slice()).filter(|_| may_be_told);
        match told.or(dialect) {
            Some(dialect) => Self::record_of(dialect, &at, bytes),
            // What is there does not tell whose it is: its supervisor is starting, or it is damaged.
            None => Err(self.of_no_dialect(&bytes)),
        }
    }

    /// The record; `None` if a supervisor has not published one yet.
    pub(super) fn read_record(&self, dialect: Dialect) -> Result<Option<Record>, Error> {
        self.record_by(Some(dialect))
    }

    /// What bytes say that were read from there.
    fn record_of(
        dialect: Dialect,
        at: &At<'_>,
        mut bytes: RecordBytes,
    ) -> Result<Option<Record>, Error> {
        if dialect == Dialect::Encore {
            // Rewritten in place: two equal readings in a row are not half of one.
            let mut still = false;
            for _ in 0..READS_OF_A_MOVING_RECORD {
                let Some(again) = node::read_record(at)? else { return Ok(None) };
                still = again.as_slice() == bytes.as_slice();
                bytes = again;
                if still {
                    break;
                }
            }
            if !still {
                return Ok(None);
            }
            if bytes.as_slice().is_empty() {
                return Ok(None); // Truncated by a starting supervisor.
            }
        }
        let record = Record::from_bytes(dialect, bytes.as_slice())
            .map_err(|_| DecodeError::Length { dialect, found: bytes.file_len() });
        match record.and_then(|record| record.check().map(|()| record)) {
            Ok(record) => Ok(Some(record)),
            Err(source) => Err(Error::Malformed { path: at.path(), source }),
        }
    }

    fn of_no_dialect(&self, bytes: &RecordBytes) -> Error {
        // Only `ok` was found, so it is daemontools' or encore's; the former is the common one.
        let source = DecodeError::Length { dialect: Dialect::Daemontools, found: bytes.file_len() };
        Error::Malformed { path: self.handle.at(files::STATUS).path(), source }
    }
}

/// One write of twenty bytes is over in a microsecond; a handful of readings outlasts it.
pub(super) const READS_OF_A_MOVING_RECORD: usize = 16;

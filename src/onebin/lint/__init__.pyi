from .lint import LintResult as LintResult, lint as lint
